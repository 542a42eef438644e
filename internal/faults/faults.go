package faults

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// dialError is a Dial that fails with err.
func dialError(err error) func(context.Context, func() (net.Conn, error)) (net.Conn, error) {
	return func(context.Context, func() (net.Conn, error)) (net.Conn, error) { return nil, err }
}

// silent is a Dial that gets no answer.
func silent(ctx context.Context, _ func() (net.Conn, error)) (net.Conn, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func opError(errno syscall.Errno) error {
	return &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", errno)}
}

// answer is a Serve that says always the same.
func answer(status int, contentType, body string, header ...string) func(http.ResponseWriter, *http.Request, http.Handler) {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("Content-Type", contentType)
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body) // the tablet may have gone
	}
}

const (
	jsonType = "application/json"
	htmlType = "text/html; charset=utf-8"
	portal   = "<!doctype html><title>Wi-Fi</title><form><input name=login><input type=password name=password></form>"
)

// Network are the faults of the way to the service: they meet every connection.
func Network() []Fault {
	return []Fault{
		{Name: "no interface", Dial: dialError(opError(syscall.ENETDOWN))},
		{Name: "no route", Dial: dialError(opError(syscall.EHOSTUNREACH))},
		{Name: "refused", Dial: dialError(opError(syscall.ECONNREFUSED))},
		{Name: "name not found", Dial: dialError(&net.DNSError{Err: "no such host", Name: "service", IsNotFound: true})},
		{Name: "silent", Dial: silent},
		{Name: "closes at once", Dial: func(context.Context, func() (net.Conn, error)) (net.Conn, error) {
			here, there := net.Pipe()
			return here, there.Close()
		}},
		{Name: "portal on the port", Dial: func(context.Context, func() (net.Conn, error)) (net.Conn, error) {
			here, there := net.Pipe()
			go func() {
				defer func() { _ = there.Close() }() // it was said
				if _, err := there.Read(make([]byte, 4<<10)); err == nil {
					_, _ = io.WriteString(there, "HTTP/1.1 302 Found\r\nLocation: http://portal.invalid/\r\n\r\n")
				}
			}()
			return here, nil
		}},
	}
}

// Answers are the faults of the service: they meet the requests that match.
func Answers() []Fault {
	return []Fault{
		{Name: "429", Serve: answer(http.StatusTooManyRequests, jsonType, "{}")},
		{Name: "429 with Retry-After", Serve: answer(http.StatusTooManyRequests, jsonType, "{}", "Retry-After", "2")},
		{Name: "503", Serve: answer(http.StatusServiceUnavailable, jsonType, `{"error":"temporarily_unavailable"}`)},
		{Name: "503 with Retry-After", Serve: answer(http.StatusServiceUnavailable, jsonType, `{"error":"temporarily_unavailable"}`, "Retry-After", "2")},
		{Name: "500", Serve: answer(http.StatusInternalServerError, jsonType, `{"error":"server_error"}`)},
		{Name: "502 of a gateway", Serve: answer(http.StatusBadGateway, htmlType, "<h1>502 Bad Gateway</h1>")},
		{Name: "captive portal", Serve: answer(http.StatusOK, htmlType, portal)},
		{Name: "redirect elsewhere", Serve: answer(http.StatusFound, htmlType, "", "Location", "https://elsewhere.invalid/")},
		{Name: "redirect to http", Serve: func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
			http.Redirect(w, r, "http://"+r.Host+r.URL.Path, http.StatusTemporaryRedirect) //nolint:gosec // the fault
		}},
		{Name: "garbage", Serve: answer(http.StatusOK, jsonType, "\x00\xff{{{")},
		{Name: "10 MB", Serve: answer(http.StatusOK, jsonType, strings.Repeat(" ", 10<<20))},
		{Name: "truncated", Serve: func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			whole := httptest.NewRecorder()
			next.ServeHTTP(whole, r)
			w.Header().Set("Content-Type", jsonType)
			w.Header().Set("Content-Length", fmt.Sprint(whole.Body.Len()+1))
			w.WriteHeader(whole.Code)
			_, _ = w.Write(whole.Body.Bytes()[:whole.Body.Len()/2]) // the tablet may have gone
			panic(http.ErrAbortHandler)
		}},
		{Name: "reset before the answer", Serve: func(http.ResponseWriter, *http.Request, http.Handler) {
			panic(http.ErrAbortHandler)
		}},
		{Name: "answer lost", Serve: func(_ http.ResponseWriter, r *http.Request, next http.Handler) {
			next.ServeHTTP(httptest.NewRecorder(), r) // the service did it
			panic(http.ErrAbortHandler)
		}},
		{Name: "stall", Serve: func(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
			<-r.Context().Done() // until the tablet gives up
		}},
	}
}

// Stopped is the tablet's own process standing still, as under SIGSTOP or a suspend: its
// request is on the way, and by the time it goes on the connection is dead. Who uses it
// cuts the connections (Proxy.Cut) and moves the tablet's clock.
func Stopped() Fault {
	return Fault{Name: "stopped for 2 minutes", Serve: func(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
		<-r.Context().Done()
	}}
}

// Mild are faults that a login gets through by itself.
func Mild() []Fault {
	third := func(bad func(context.Context, func() (net.Conn, error)) (net.Conn, error)) func(context.Context, func() (net.Conn, error)) (net.Conn, error) {
		var n atomic.Int64
		return func(ctx context.Context, next func() (net.Conn, error)) (net.Conn, error) {
			if n.Add(1)%3 == 1 {
				return bad(ctx, next)
			}
			return next()
		}
	}
	air := wave{begin: time.Now(), half: 5 * time.Second}
	return []Fault{
		{Name: "2 s latency", Serve: func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			select {
			case <-time.After(2 * time.Second):
				next.ServeHTTP(w, r)
			case <-r.Context().Done():
			}
		}},
		{Name: "a third of the connections reset", Dial: third(dialError(opError(syscall.ECONNRESET)))},
		{Name: "a third of the connections stalled", Dial: third(silent)},
		{Name: "flapping every 5 s", Dial: func(_ context.Context, next func() (net.Conn, error)) (net.Conn, error) {
			if air.down() > 0 {
				return nil, opError(syscall.ENETDOWN)
			}
			c, err := next()
			if err != nil {
				return nil, err
			}
			return flapping{c, air}, nil
		}},
	}
}

// wave is a radio that is down for one half of the time and up for the other.
type wave struct {
	begin time.Time
	half  time.Duration
}

// down is how long it will be yet; 0: it is up.
func (w wave) down() time.Duration {
	at := time.Since(w.begin) % (2 * w.half)
	return max(0, w.half-at)
}

// flapping loses nothing, as TCP does not: what is said while the radio is down arrives
// when it is up again.
type flapping struct {
	net.Conn
	air wave
}

func (f flapping) Read(b []byte) (int, error) {
	n, err := f.Conn.Read(b)
	<-time.After(f.air.down())
	return n, err
}

func (f flapping) Write(b []byte) (int, error) {
	<-time.After(f.air.down())
	return f.Conn.Write(b)
}
