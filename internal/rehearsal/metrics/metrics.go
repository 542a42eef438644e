// Package metrics is what an operator sees of a running service: figures for Prometheus,
// and whether it lives and can serve. It has a door of its own, off unless it is asked
// for, and nothing personal goes through it: routes, statuses, counts and times.
//
//	GET /metrics   figures (Prometheus text format)
//	GET /healthz   200 while the process serves this door
//	GET /readyz    200 while the database answers, else 503
//
// The rehearsal package opens it.
package metrics

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// readyTimeout bounds the question whether the database answers.
const readyTimeout = 2 * time.Second

// Queue is how the passwords stand that wait to be checked.
type Queue struct {
	Here     int           // waiting for a core, or on one
	Promised int           // sent away with a moment to return
	Each     time.Duration // of one password on one core, a moving average
}

// Sources are where figures come from that are asked for, not counted.
type Sources struct {
	Queue func() Queue
	// Mails counts those that wait to be sent.
	Mails func(context.Context) (int, error)
}

// Metrics counts. It is safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.HistogramVec
	mails    func(context.Context) (int, error)
}

// New returns counters at zero.
func New(s Sources) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry(), mails: s.Mails}
	m.requests = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "rehearsal_request_seconds", Help: "Time to answer a request, by route, status and protocol outcome.",
		Buckets: []float64{.001, .005, .01, .025, .05, .1, .25, .5, 1, 2, 4, 8, 16},
	}, []string{"route", "status", "outcome"})
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value)
	}
	m.registry.MustRegister(m.requests, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		gauge("rehearsal_passwords_waiting", "Passwords being checked or waiting for a core.", func() float64 { return float64(s.Queue().Here) }),
		gauge("rehearsal_passwords_promised", "Clients sent away with a moment to return.", func() float64 { return float64(s.Queue().Promised) }),
		gauge("rehearsal_password_seconds", "Time of one password on one core, moving average.", func() float64 { return s.Queue().Each.Seconds() }),
		gauge("rehearsal_mails_waiting", "Mails not yet sent; -1 when the database does not say.", m.waiting),
	)
	return m
}

func (m *Metrics) waiting() float64 {
	ctx, cancel := context.WithTimeout(context.Background(), readyTimeout)
	defer cancel()
	n, err := m.mails(ctx)
	if err != nil {
		return -1
	}
	return float64(n)
}

// Request counts one answer. route is the pattern that matched, outcome a word of the
// protocol: neither says who asked.
// Nobody counts where m is nil.
func (m *Metrics) Request(route string, status int, outcome string, took time.Duration) {
	if m == nil {
		return
	}
	m.requests.WithLabelValues(route, strconv.Itoa(status), outcome).Observe(took.Seconds())
}

// Handler answers on the operator's door.
func (m *Metrics) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
		defer cancel()
		if _, err := m.mails(ctx); err != nil {
			say(w, http.StatusServiceUnavailable, "the database does not answer")
			return
		}
		say(w, http.StatusOK, "ok")
	})
	return mux
}

func say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = fmt.Fprintln(w, text) // the client hung up: nothing to do
}

// Serve opens the door at addr, host:port, and returns where it listens and how it is shut. The
// error names the address.
func (m *Metrics) Serve(ctx context.Context, addr string) (listens string, shut func(context.Context) error, err error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return "", nil, fmt.Errorf("metrics %s: %w", addr, err)
	}
	srv := &http.Server{Handler: m.Handler(), ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 30 * time.Second,
		ErrorLog: log.New(io.Discard, "", 0)}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(l) }()
	return l.Addr().String(), func(ctx context.Context) error {
		err := srv.Shutdown(ctx)
		if e := <-ended; !errors.Is(e, http.ErrServerClosed) {
			err = errors.Join(err, e)
		}
		return err
	}, nil
}
