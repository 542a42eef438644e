package web

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"portillon/internal/rehearsal/store"
	"portillon/internal/wire"
)

// Error is an answer that is the error page. Any other error of a Handler is a 500,
// logged and not shown.
type Error struct {
	Status     int
	Key        string        // the sentence: of a set of the site's words
	RetryAfter time.Duration // 0: not said
	Err        error         // why, for the log; may be nil
}

// Error says what happened without what was typed.
func (e *Error) Error() string { return fmt.Sprintf("page %d %s", e.Status, e.Key) }

// Unwrap gives the reason.
func (e *Error) Unwrap() error { return e.Err }

// NotFound and Forbidden are the answers to a page that is not there, or not for the
// reader.
var (
	NotFound  = &Error{Status: http.StatusNotFound, Key: "web.error.missing"}
	Forbidden = &Error{Status: http.StatusForbidden, Key: "web.error.forbidden"}
)

// awayRetry is when to come back while the database is away.
const awayRetry = 5 * time.Second

var errNoPage = errors.New("no such page template")

// TooMany is the answer 429, with the wait.
func TooMany(wait time.Duration) *Error {
	return &Error{Status: http.StatusTooManyRequests, Key: "web.error.busy", RetryAfter: wait}
}

// errorPage is the data of error.html.
type errorPage struct {
	Text, Correlation string
	Seconds           int
}

// fail renders the error page. What a session holds is not needed for it.
func (v *Visit) fail(err error) {
	e, ok := errors.AsType[*Error](err)
	switch {
	case ok:
	case errors.Is(err, store.ErrUnavailable):
		e = &Error{Status: http.StatusServiceUnavailable, Key: "web.error.server", RetryAfter: awayRetry, Err: err}
	default:
		e = &Error{Status: http.StatusInternalServerError, Key: "web.error.server", Err: err}
	}
	id := v.W.Header().Get(wire.HeaderCorrelation)
	if e.Status >= http.StatusInternalServerError {
		v.site.Log.ErrorContext(v.Context(), "page failed", "site", v.site.Name, "route", v.R.Pattern, "err", err)
	}
	data := errorPage{Text: v.T(e.Key), Correlation: id}
	if e.RetryAfter > 0 {
		data.Seconds = int(math.Ceil(e.RetryAfter.Seconds()))
		v.W.Header().Set("Retry-After", strconv.Itoa(data.Seconds))
	}
	if err := v.RenderStatus(e.Status, "error", data); err != nil {
		http.Error(v.W, v.T("web.error.server"), http.StatusInternalServerError)
	}
}
