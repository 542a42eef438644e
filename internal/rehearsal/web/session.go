package web

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"mime"
	"net/http"
	"time"

	"github.com/alexedwards/scs/v2"

	"portillon/internal/rehearsal/store"
)

// Keys of a session that are this package's.
const (
	keyToken   = "web.token"
	keyNotices = "web.notices"
)

// FieldToken is the form field of the session's token.
const FieldToken = "csrf"

// touchEvery is how exactly the last use of a session is known: not every request writes.
const touchEvery = time.Minute

func (s *Site) newSessions() *scs.SessionManager {
	m := scs.New()
	m.Store = &sessions{s}
	m.HashTokenInStore = true
	m.Lifetime = s.Lifetime
	m.Cookie = scs.SessionCookie{
		Name: "__Host-" + s.Name, Path: "/", HttpOnly: true, Secure: true, SameSite: s.SameSite,
	}
	m.ErrorFunc = func(w http.ResponseWriter, r *http.Request, err error) {
		s.visit(w, r).fail(err)
	}
	return m
}

// sessions keeps sessions in the store. Their age is told by the service's clock and not
// by scs: an unused one ends, and what is read for a request that is still under way
// never brings back one that was ended meanwhile.
type sessions struct{ site *Site }

// FindCtx finds a session that is neither too old nor unused for too long.
func (k *sessions) FindCtx(ctx context.Context, hash string) ([]byte, bool, error) {
	var got store.WebSession
	var found bool
	err := k.site.DB.Read(ctx, func(tx *store.Tx) (err error) {
		got, found, err = tx.WebSession(k.site.Name, hash)
		return err
	})
	now := k.site.Now()
	if err != nil || !found || now.Sub(got.CreatedAt) >= k.site.Lifetime || now.Sub(got.TouchedAt) >= k.site.Idle {
		return nil, false, err
	}
	if now.Sub(got.TouchedAt) >= touchEvery {
		err = k.site.DB.Step(ctx, func(tx *store.Tx) error { return tx.TouchWebSession(k.site.Name, hash, now) })
	}
	return got.Data, true, err
}

// CommitCtx stores a session.
func (k *sessions) CommitCtx(ctx context.Context, hash string, data []byte, _ time.Time) error {
	return k.site.DB.Step(ctx, func(tx *store.Tx) error {
		return tx.PutWebSession(k.site.Name, hash, data, k.site.Now())
	})
}

// DeleteCtx ends a session.
func (k *sessions) DeleteCtx(ctx context.Context, hash string) error {
	return k.site.DB.Step(ctx, func(tx *store.Tx) error { return tx.DeleteWebSession(k.site.Name, hash) })
}

// Find, Commit and Delete are scs's older interface; scs calls those with a context.
func (k *sessions) Find(hash string) ([]byte, bool, error) {
	return k.FindCtx(context.Background(), hash)
}

// Commit is CommitCtx.
func (k *sessions) Commit(hash string, data []byte, at time.Time) error {
	return k.CommitCtx(context.Background(), hash, data, at)
}

// Delete is DeleteCtx.
func (k *sessions) Delete(hash string) error { return k.DeleteCtx(context.Background(), hash) }

// Purge forgets sessions that have ended by age.
func (s *Site) Purge(ctx context.Context) error {
	now := s.Now()
	return s.DB.Write(ctx, func(tx *store.Tx) error {
		return tx.PurgeWebSessions(s.Name, now.Add(-s.Lifetime), now.Add(-s.Idle))
	})
}

// Get is a value of the session; "" where there is none.
func (v *Visit) Get(key string) string { return v.site.sessions.GetString(v.Context(), key) }

// Put keeps a value in the session. Secrets are not to be kept there.
func (v *Visit) Put(key, value string) { v.site.sessions.Put(v.Context(), key, value) }

// Pop reads a value of the session and forgets it.
func (v *Visit) Pop(key string) string { return v.site.sessions.PopString(v.Context(), key) }

// Renew gives the session a new token and a new age, and forms a new csrf token. It is
// called where rights change: after signing in, a token planted before is worth nothing.
func (v *Visit) Renew() error {
	if err := v.site.sessions.RenewToken(v.Context()); err != nil {
		return err
	}
	v.Put(keyToken, rand.Text())
	return nil
}

// End ends the session: signing out.
func (v *Visit) End() error { return v.site.sessions.Destroy(v.Context()) }

// Notice is said once, on the next page: "saved". It is text, never markup.
func (v *Visit) Notice(text string) {
	list, _ := v.site.sessions.Get(v.Context(), keyNotices).([]string)
	v.site.sessions.Put(v.Context(), keyNotices, append(list, text))
}

func (v *Visit) popNotices() []string {
	if !v.session {
		return nil
	}
	list, _ := v.site.sessions.Pop(v.Context(), keyNotices).([]string)
	return list
}

// token is the session's, made when first needed.
func (v *Visit) token() string {
	if t := v.Get(keyToken); t != "" {
		return t
	}
	t := rand.Text()
	v.Put(keyToken, t)
	return t
}

// admit refuses forged requests and floods. Reading is open to all.
func (v *Visit) admit() error {
	key := v.site.sessions.Token(v.Context())
	limit := v.site.busy
	if key == "" {
		limit, key = v.site.newcomer, "newcomers"
	}
	if wait := limit.Take(key); wait > 0 {
		return TooMany(wait)
	}
	switch v.R.Method {
	case http.MethodGet, http.MethodHead:
		return nil
	case http.MethodPost:
	default:
		return &Error{Status: http.StatusMethodNotAllowed, Key: "web.error.request"}
	}
	if err := v.site.cross.Check(v.R); err != nil {
		return &Error{Status: http.StatusForbidden, Key: "web.error.forged", Err: err}
	}
	if err := v.parse(); err != nil {
		return err
	}
	want, got := v.Get(keyToken), v.R.PostFormValue(FieldToken)
	if want == "" || subtle.ConstantTimeCompare([]byte(want), []byte(got)) != 1 {
		return &Error{Status: http.StatusForbidden, Key: "web.error.expired"}
	}
	return nil
}

// parse reads the form. A file sent with it stays in memory, whole: nothing of a person
// is written to a temporary file.
func (v *Visit) parse() error {
	var err error
	if kind, _, _ := mime.ParseMediaType(v.R.Header.Get("Content-Type")); kind == "multipart/form-data" {
		err = v.R.ParseMultipartForm(v.limit) //nolint:gosec // the body is bounded by Handle
	} else {
		err = v.R.ParseForm()
	}
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return &Error{Status: http.StatusRequestEntityTooLarge, Key: "web.error.large", Err: err}
	case err != nil:
		return &Error{Status: http.StatusBadRequest, Key: "web.error.request", Err: err}
	}
	return nil
}
