package rehearsal

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"log"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"portillon/internal/rehearsal/metrics"
	"portillon/internal/rehearsal/oauth"
	"portillon/internal/rehearsal/people"
	"portillon/internal/wire"
)

// newHTTP wraps the routes in what every answer has, and bounds every request.
func newHTTP(mux router, o Options) *http.Server {
	return &http.Server{
		Handler:           observe(mux, o.Log, o.meter),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10, // net/http adds 4 KiB; a proof is at most 8 KiB
		ErrorLog:          log.New(quiet{o.Log}, "", 0),
	}
}

// demonstrate mounts what a storm asks a demonstration.
func demonstrate(mux *http.ServeMux, mailbox string) error {
	doc, err := json.Marshal(wire.Demo{
		Mailbox: mailbox, AddressFormat: people.StormAddressFormat,
		Accounts: people.StormAccounts, Password: people.StormPassword,
	})
	if err != nil {
		return err
	}
	mux.HandleFunc("GET "+wire.DemoPath, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(doc) // the client hung up: nothing to do
	})
	return nil
}

// recorder remembers the status for the log.
type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// observe gives every answer a correlation id and logs one line about it: what was
// asked and how it ended, never who or with what.
func observe(mux router, logger *slog.Logger, meter *metrics.Metrics) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now() // a duration of this machine's, not the service's time
		id := rand.Text()[:16]
		h := w.Header()
		h.Set(wire.HeaderCorrelation, id)
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		ctx, outcome := oauth.WithOutcome(r.Context())
		ctx = context.WithValue(ctx, correlationKey{}, id)
		rec := &recorder{ResponseWriter: w, status: http.StatusOK}
		r = r.WithContext(ctx)
		defer func() {
			if p := recover(); p != nil {
				if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
					panic(p)
				}
				// The value may hold what the request held: only that it happened is logged.
				logger.ErrorContext(ctx, "handler panicked", "correlation", id)
				http.Error(rec, `{"error":"`+wire.ErrorServerError+`"}`, http.StatusInternalServerError)
			}
			_, pattern := mux.Handler(r)
			meter.Request(pattern, rec.status, cmp.Or(outcome.Sub, outcome.Code), time.Since(start))
			logger.LogAttrs(ctx, slog.LevelInfo, "request",
				slog.String("correlation", id), slog.String("method", known(r.Method)), slog.String("route", pattern),
				slog.Int("status", rec.status), slog.String("error", outcome.Code), slog.String("suberror", outcome.Sub),
				slog.Float64("ms", float64(time.Since(start).Microseconds())/1000))
		}()
		mux.ServeHTTP(rec, r)
	})
}

type correlationKey struct{}

// known keeps a method's name out of the log unless it is one.
func known(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
		http.MethodDelete, http.MethodOptions:
		return method
	}
	return "other"
}

// CorrelationHandler adds to every record made for a request its correlation id.
type CorrelationHandler struct{ slog.Handler }

// Handle adds the id of ctx's request, where there is one.
func (h CorrelationHandler) Handle(ctx context.Context, r slog.Record) error {
	if id, ok := ctx.Value(correlationKey{}).(string); ok && r.Message != "request" && r.Message != "handler panicked" {
		r.AddAttrs(slog.String("correlation", id))
	}
	return h.Handler.Handle(ctx, r)
}

// quiet logs what kind of trouble net/http reports, without the addresses and
// quotations of its lines.
type quiet struct{ log *slog.Logger }

func (q quiet) Write(line []byte) (int, error) {
	kind := "other"
	for _, k := range []string{"TLS handshake error", "Accept error", "response.WriteHeader", "URL query contains semicolon"} {
		if strings.Contains(string(line), k) {
			kind = k
		}
	}
	q.log.Warn("http server", "kind", kind)
	return len(line), nil
}

func clientTLS(pem []byte, now func() time.Time) (*tls.Config, error) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("no certificate in the CA file")
	}
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12, Time: now}, nil
}
