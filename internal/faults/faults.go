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
		{Name: "silent", Dial: func(ctx context.Context, _ func() (net.Conn, error)) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}},
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

// Mild are faults that a login gets through by itself.
func Mild() []Fault {
	var n, flaps atomic.Int64
	begin := time.Now()
	return []Fault{
		{Name: "2 s latency", Serve: func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			select {
			case <-time.After(2 * time.Second):
				next.ServeHTTP(w, r)
			case <-r.Context().Done():
			}
		}},
		{Name: "a third of the connections reset", Dial: func(_ context.Context, next func() (net.Conn, error)) (net.Conn, error) {
			if n.Add(1)%3 == 1 {
				return nil, opError(syscall.ECONNRESET)
			}
			return next()
		}},
		{Name: "flapping every second", Dial: func(_ context.Context, next func() (net.Conn, error)) (net.Conn, error) {
			if flaps.Add(1); int(time.Since(begin)/time.Second)%2 == 0 {
				return nil, opError(syscall.ENETDOWN)
			}
			return next()
		}},
	}
}
