package cockpit

import (
	"context"
	"crypto/hmac"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"time"

	"portillon/internal/rehearsal/password"
	"portillon/internal/rehearsal/store"
	"portillon/internal/rehearsal/web"
)

// At most maxFailures wrong passwords of one login within failureWindow. They are counted
// for whoever tries from a browser that signed in by that login before, and apart for
// all others: a stranger cannot lock a member of staff out on the morning of an exam.
const (
	maxFailures   = 10
	failureWindow = 15 * time.Minute
	settleTimeout = 10 * time.Second
)

// deviceCookie marks a browser by which a login once succeeded.
const (
	deviceCookie = "__Host-cockpit-device"
	deviceLife   = 90 * 24 * time.Hour
)

// signInForm is the data of the sign-in page.
type signInForm struct {
	Login, Return string
	Wrong         bool
	Wait          int // minutes; 0: no need to wait
}

func (c *cockpit) showSignIn(v *web.Visit) error {
	_, in, err := c.who(v)
	if err != nil {
		return err
	}
	to := web.Local(v.R.URL.Query().Get("retour"))
	if in {
		return v.Redirect(to)
	}
	return v.Render("signin", signInForm{Return: to})
}

// signIn checks a login and a password. Whether the login exists shows in nothing: not in
// the words, nor in the status, nor in the time, nor in how often one may try.
func (c *cockpit) signIn(v *web.Visit) error {
	form := signInForm{Login: v.R.PostFormValue("login"), Return: web.Local(v.R.PostFormValue("retour"))}
	secret := v.R.PostFormValue("password")
	if len(form.Login) > 254 || len(secret) > password.MaxBytes {
		form.Wrong = true
		return v.RenderStatus(http.StatusUnauthorized, "signin", form)
	}
	try := c.tryOf(v, form.Login)
	ticket, err := c.Hasher.Enter(try.Subject + try.Class)
	var busy *password.BusyError
	if errors.As(err, &busy) {
		return web.TooMany(busy.After)
	} else if err != nil {
		return err
	}
	var s store.Staff
	var event int64
	err = c.DB.Write(v.Context(), func(tx *store.Tx) error {
		n, first, _, err := tx.Events(try, store.WrongPassword, v.Now().Add(-failureWindow))
		if err != nil {
			return err
		}
		if n >= maxFailures {
			form.Wait = max(1, int(first.Add(failureWindow).Sub(v.Now()).Minutes()+1))
			return nil
		}
		var found bool
		if s, found, err = tx.StaffByLogin(form.Login); err != nil {
			return err
		}
		if !found || !s.DisabledAt.IsZero() {
			s = store.Staff{}
		}
		// Counted in advance: many tries at once are many tries.
		event, err = tx.AddEvent(try, store.WrongPassword, v.Now())
		return err
	})
	if err != nil || form.Wait > 0 {
		ticket.Leave()
		if err != nil {
			return err
		}
		return v.RenderStatus(http.StatusTooManyRequests, "signin", form)
	}
	right, err := ticket.Check(v.Context(), s.Password, secret)
	if err != nil {
		// Nothing was compared: nothing counts, whether or not the reader waited.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(v.Context()), settleTimeout)
		defer cancel()
		return errors.Join(err, c.DB.Write(ctx, func(tx *store.Tx) error { return tx.DeleteEvent(event) }))
	}
	if !right {
		form.Wrong = true
		return v.RenderStatus(http.StatusUnauthorized, "signin", form)
	}
	return c.signedIn(v, s, try, form.Return)
}

// signedIn gives the browser a session of its own and remembers that it is known.
func (c *cockpit) signedIn(v *web.Visit, s store.Staff, try store.Session, to string) error {
	err := c.DB.Write(v.Context(), func(tx *store.Tx) error {
		if err := tx.ForgiveFailures(try); err != nil {
			return err
		}
		return tx.AddAudit(v.Now(), store.Entry{Actor: s.Login, Action: "signin"})
	})
	if err != nil {
		return err
	}
	if err := v.Renew(); err != nil {
		return err
	}
	v.Put(keyStaff, strconv.FormatInt(s.ID, 10))
	v.Put(keyEpoch, strconv.FormatInt(s.Epoch, 10))
	http.SetCookie(v.W, &http.Cookie{
		Name: deviceCookie, Value: c.device(s.Login), Path: "/", MaxAge: int(deviceLife / time.Second),
		Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
	return v.Redirect(to)
}

// tryOf is what failures count for: a login, as a hash, and whether the browser is known.
func (c *cockpit) tryOf(v *web.Visit, login string) store.Session {
	login = store.Normalise(login)
	s := store.Session{
		Subject: "staff " + base64.RawURLEncoding.EncodeToString(c.Keys.MAC("staff", []byte(login))), Class: "strangers",
	}
	if k, err := v.R.Cookie(deviceCookie); err == nil && hmac.Equal([]byte(k.Value), []byte(c.device(login))) {
		s.Class = "known browser"
	}
	return s
}

func (c *cockpit) device(login string) string {
	return base64.RawURLEncoding.EncodeToString(c.Keys.MAC("staff device", []byte(login)))
}

func (c *cockpit) signOut(v *web.Visit) error {
	if err := v.End(); err != nil {
		return err
	}
	return v.Redirect("/connexion")
}
