package kiosk

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"crypto/tls"
	"portillon/internal/faults"
	"portillon/internal/login"
	"portillon/internal/rehearsal/people"
)

// BenchmarkOverBareRequests compares, login by login, a kiosk (the loop, the login machine and
// the adapter, from the touch on «SE CONNECTER» to the next screen, twice) with a client
// that sends the same bytes over as many TLS connections and throws the answers away. Both
// speak to one local service that repeats what the real one answered once, so that its
// passwords and its database count for neither.
//
//	go test -run NONE -bench OverBareRequests ./internal/kiosk
func BenchmarkOverBareRequests(b *testing.B) {
	w := openWard(b)
	tape := &tape{}
	ready(b, w, tape, 1)[0].logIn()
	tape.stop()
	if len(tape.all) < 5 {
		b.Fatalf("a login of %d requests", len(tape.all))
	}
	const pairs, batch = 200, 25
	for b.Loop() {
		var tablets []tablet
		var kiosks, bares, more []time.Duration
		for n := range pairs {
			if n%batch == 0 {
				tablets = ready(b, w, tape, batch)
			}
			tape.rewind()
			k := tablets[n%batch].logIn()
			if sent := tape.rewind(); sent != len(tape.all) {
				b.Fatalf("%d requests, then %d", len(tape.all), sent)
			}
			bare := oneReplay(b, w, tape)
			kiosks, bares, more = append(kiosks, k), append(bares, bare), append(more, k-bare)
		}
		at := func(all []time.Duration, q float64) float64 {
			slices.Sort(all)
			return float64(all[int(q*float64(len(all)-1))].Microseconds()) / 1000
		}
		b.ReportMetric(at(kiosks, 0.5), "login-p50-ms")
		b.ReportMetric(at(bares, 0.5), "bare-p50-ms")
		b.ReportMetric(at(more, 0.5), "overhead-p50-ms")
		b.ReportMetric(at(more, 0.95), "overhead-p95-ms")
		b.ReportMetric(float64(len(tape.all)), "requests")
		b.ReportMetric(float64(tape.connections()), "connections")
	}
}

// taken is one request of a login, and what was answered.
type taken struct {
	method, path string
	header       http.Header
	body         []byte
	fresh        bool // on a connection of its own, or the first there
	status       int
	answer       http.Header
	text         []byte
}

// tape is what a login said and was told, to be played again.
type tape struct {
	mu     sync.Mutex
	played bool // no longer recording
	next   int
	last   string // the connection of the last request
	all    []taken
}

// stop recording.
func (tp *tape) stop() {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	tp.played, tp.next = true, 0
}

// rewind begins another login. It returns how many requests the last one had.
func (tp *tape) rewind() int {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	defer func() { tp.next = 0 }()
	return tp.next
}

func (tp *tape) connections() (n int) {
	for _, t := range tp.all {
		if t.fresh {
			n++
		}
	}
	return n
}

// fault stands in for the service.
func (tp *tape) fault() faults.Fault {
	return faults.Fault{Name: "tape", Serve: func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		tp.mu.Lock()
		defer tp.mu.Unlock()
		if !tp.played {
			tp.take(r, next)
		}
		if tp.next >= len(tp.all) || tp.all[tp.next].path != r.URL.Path {
			w.WriteHeader(http.StatusTeapot) // not the login that was recorded
			return
		}
		now := tp.all[tp.next]
		tp.next++
		maps.Copy(w.Header(), now.answer)
		w.WriteHeader(now.status)
		_, _ = w.Write(now.text) // the tablet may have gone
	}}
}

// take asks the real service.
func (tp *tape) take(r *http.Request, next http.Handler) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the tablet has gone
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	whole := httptest.NewRecorder()
	header := r.Header.Clone()
	next.ServeHTTP(whole, r)
	tp.all = append(tp.all, taken{r.Method, r.URL.Path, header, body, r.RemoteAddr != tp.last, whole.Code, whole.Header(), whole.Body.Bytes()})
	tp.last = r.RemoteAddr
}

// tablet is a kiosk with an address typed, and the views it shows.
type tablet struct {
	*bed
	views chan login.View
}

// ready are so many kiosks with their addresses typed: each has spent its 2 s on screen 0.
func ready(tb testing.TB, w *ward, tp *tape, n int) (all []tablet) {
	tb.Helper()
	for range n {
		views := make(chan login.View, 4096)
		bed := w.bed(tb, 0, func(v login.View) { views <- v })
		bed.proxy.Break(tp.fault(), func(faults.Request) bool { return true })
		all = append(all, tablet{bed, views})
	}
	for _, t := range all {
		t.on(login.ScreenEmail)
		t.k.Post(login.Insert{Text: t.email})
	}
	return all
}

// logIn is how long a kiosk takes for a login, without the student.
func (t tablet) logIn() time.Duration {
	defer t.leave()
	password := t.secret(login.FieldPassword, people.StormPassword)
	return t.reach(login.ScreenPassword, login.SubmitEmail{}) + t.reach(login.ScreenConnected, login.SubmitPassword{Secret: password})
}

// reach is how long it takes from a touch to a screen.
func (t tablet) reach(s login.Screen, touch login.Event) time.Duration {
	tb := t.bed.t
	tb.Helper()
	begin := time.Now()
	t.k.Post(touch)
	for timeout := time.After(long); ; {
		select {
		case v := <-t.views:
			if v.Trouble != nil {
				tb.Fatalf("trouble: %v", v.Trouble.Kind)
			}
			if v.Screen == s {
				return time.Since(begin)
			}
		case <-timeout:
			tb.Fatalf("no screen %s", s)
		}
	}
}

// oneReplay is how long the same requests take a client that does nothing else.
func oneReplay(tb testing.TB, w *ward, tp *tape) (took time.Duration) {
	tb.Helper()
	way, roots, _ := w.way(tb)
	defer func() {
		if err := way.Close(); err != nil {
			tb.Error(err)
		}
	}()
	way.Break(tp.fault(), func(faults.Request) bool { return true })
	transport := &http.Transport{DialContext: way.Dial, TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	defer transport.CloseIdleConnections()
	begin := time.Now()
	for _, t := range tp.all {
		if t.fresh {
			transport.CloseIdleConnections()
		}
		req, err := http.NewRequest(t.method, strings.TrimSuffix(w.server.Issuer, "/")+t.path, bytes.NewReader(t.body))
		if err != nil {
			tb.Fatal(err)
		}
		req.Header = t.header
		res, err := transport.RoundTrip(req)
		if err != nil {
			tb.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, res.Body); err != nil || res.StatusCode != t.status {
			tb.Fatalf("%s: status %d, %v", t.path, res.StatusCode, err)
		}
		_ = res.Body.Close() // read to its end
	}
	took = time.Since(begin)
	if n := tp.rewind(); n != len(tp.all) {
		tb.Fatalf("%d requests replayed of %d", n, len(tp.all))
	}
	return took
}
