package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"portillon/internal/rehearsal/password"
	"portillon/internal/rehearsal/store"
	"portillon/internal/wire"
)

// reply is what a step answers: a status and a JSON object.
type reply struct {
	status     int
	body       any
	code, sub  string // for the log
	retryAfter time.Duration
	after      func() // once the transaction is committed; may be nil
}

func (r reply) write(w http.ResponseWriter, log *slog.Logger) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("Pragma", "no-cache") // RFC 6749 §5.1
	if r.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(seconds(r.retryAfter)))
	}
	b, err := json.Marshal(r.body)
	if err != nil {
		log.Error("answer cannot be encoded", "err", err)
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.WriteHeader(r.status)
	_, _ = w.Write(append(b, '\n')) // the client hung up: nothing to do
}

// ok is an answer of success.
func ok(body any) reply { return reply{status: http.StatusOK, body: body, code: "ok"} }

// say is an error answer of the challenge endpoint.
func say(a wire.Answer) reply {
	return reply{status: http.StatusBadRequest, body: a, code: a.Error, sub: a.Suberror}
}

// insufficient is the ordinary "something more is wanted".
func insufficient(session token, sub string) wire.Answer {
	return wire.Answer{Error: wire.ErrorInsufficientAuthorization, Suberror: sub, AuthSession: session.text}
}

// problem is a refusal as an error, for what is found before or beside the steps.
type problem struct {
	status     int
	code, why  string
	session    string
	retryAfter time.Duration
}

func (p *problem) Error() string { return p.code + ": " + p.why }

func refuse(code, why string) *problem {
	return &problem{status: http.StatusBadRequest, code: code, why: why}
}

// with tells the client its session's new name.
func (p *problem) with(session token) *problem {
	p.session = session.text
	return p
}

// busy asks to come back in 2 to 8 s, each client at a moment of its own.
func busy() *problem {
	return &problem{
		status: http.StatusServiceUnavailable, code: wire.ErrorTemporarilyUnavailable, why: "busy, try again",
		retryAfter: 2*time.Second + rand.N(6*time.Second), //nolint:gosec // a jitter, not a secret
	}
}

// failure turns an error into its answer. What is not a problem is ours: it is
// logged, and the client is told the correlation id alone.
func (s *Service) failure(ctx context.Context, err error) reply {
	var p *problem
	var full *password.BusyError
	switch {
	case errors.As(err, &p):
	case errors.As(err, &full):
		p = busy()
		p.retryAfter = max(full.After, time.Second) // 0 would not be said
	case errors.Is(err, store.ErrUnavailable):
		s.Log.WarnContext(ctx, "database is away", "err", err)
		p = busy()
	case ctx.Err() != nil:
		// The client is gone, or the service is stopping; nobody may read this.
		p = busy()
	default:
		s.Log.ErrorContext(ctx, "request failed", "err", err)
		p = &problem{status: http.StatusInternalServerError, code: wire.ErrorServerError, why: "see the correlation id"}
	}
	return reply{
		status: p.status, code: p.code, retryAfter: p.retryAfter,
		body: wire.Answer{Error: p.code, ErrorDescription: p.why, AuthSession: p.session},
	}
}

// Outcome is where a handler leaves, for the log, what it answered.
type Outcome struct{ Code, Sub string }

type outcomeKey struct{}

// WithOutcome makes a place for the outcome of one request.
func WithOutcome(ctx context.Context) (context.Context, *Outcome) {
	o := new(Outcome)
	return context.WithValue(ctx, outcomeKey{}, o), o
}

func note(ctx context.Context, r reply) {
	if o, ok := ctx.Value(outcomeKey{}).(*Outcome); ok {
		o.Code, o.Sub = r.code, r.sub
	}
}

// seconds rounds up: a client that comes back then is not told to wait again.
func seconds(d time.Duration) int {
	return max(1, int((d+time.Second-1)/time.Second))
}

func errWrap(op string, err error) error { return fmt.Errorf("%s: %w", op, err) }
