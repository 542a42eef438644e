package kiosk

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"time"

	"portillon/internal/identity"
	"portillon/internal/login"
	"portillon/internal/supervisor"
	"portillon/internal/vault"
)

// digest recognises an address again without keeping it.
func (k *Kiosk) digest(e identity.Email) []byte {
	return vault.Digest(e, []byte(k.Hello.Thumbprint))
}

// recall looks at what rests in the vault when this process starts: the session of the
// candidate whose screen process died is taken up, one of an earlier boot waits for its address, and
// anything else is nobody's any more.
func (k *Kiosk) recall() {
	go func() {
		ctx, cancel := context.WithTimeout(k.ctx, vaultLimit)
		defer cancel()
		record, err := k.atRest(ctx)
		switch {
		case errors.Is(err, vault.ErrUnreadable):
			k.wipeVault()
		case err != nil: // empty, or no vault
		case k.Hello.PlayerRunning:
			k.adopt(record) // the exam goes on; its tokens can be renewed again
		case record.BootID == k.Hello.BootID && k.Hello.Restarted:
			k.Post(login.Remembered{})
		case record.BootID == k.Hello.BootID || !k.stillFresh(record):
			k.forget() // of a candidate who has ended, or too old for anybody
		}
	}()
}

// atRest is what the vault holds, once everything decided so far is done there.
func (k *Kiosk) atRest(ctx context.Context) (vault.Record, error) {
	if err := k.chores.settled(ctx); err != nil {
		return vault.Record{}, err
	}
	return k.Vault.Get(ctx)
}

// stillFresh: the record's session may be resumed by somebody.
func (k *Kiosk) stillFresh(record vault.Record) bool {
	s, err := identity.Unseal(record.Sealed)
	if err != nil {
		return false
	}
	defer s.Wipe()
	return k.fresh(s)
}

// adopt takes a remembered session for the running exam (attempt 0 of a new process).
func (k *Kiosk) adopt(record vault.Record) {
	s, err := identity.Unseal(record.Sealed)
	if err != nil {
		k.Log.Warn("vault", "error", err.Error())
		return
	}
	a := k.attempt(0)
	k.mu.Lock()
	defer k.mu.Unlock()
	a.session, a.record = s, &record
}

// resume looks for the remembered session. Whatever is wrong with it, it is wiped,
// then revoked, and the login goes its ordinary way; only trouble on the way to the service
// is told.
func (k *Kiosk) resume(ctx context.Context, e login.Resume, a *attempt) login.Event {
	record, err := k.atRest(ctx)
	if errors.Is(err, vault.ErrEmpty) {
		return login.NotRemembered{Ref: e.Ref}
	}
	if err != nil {
		k.wipeVault() // unreadable: nobody's
		return login.NotRemembered{Ref: e.Ref}
	}
	s, err := identity.Unseal(record.Sealed)
	if err != nil || !k.mine(e.Email, record) || !k.fresh(s) {
		wiped := k.wipeVault()
		if err == nil {
			k.revoke(s, wiped)
		}
		return login.NotRemembered{Ref: e.Ref}
	}
	if k.Provider.Traits().Remembers {
		renewed, err := k.renewed(ctx, a, s, &record)
		switch {
		case identity.KindOf(err) == identity.SessionExpired:
			k.wipeVault()
			return login.NotRemembered{Ref: e.Ref}
		case err != nil:
			return k.failed(e.Ref, err)
		}
		s = renewed
	} else if !s.ExpiresAt.IsZero() && k.Clock.Now().Wall.After(s.ExpiresAt) {
		k.revoke(s, k.wipeVault())
		return login.NotRemembered{Ref: e.Ref}
	}
	granted := login.Granted{Ref: e.Ref, Name: s.Name}
	k.hold(a, s, &record)
	return granted
}

// mine: the record is this address's or, where none was typed, this boot's.
func (k *Kiosk) mine(e identity.Email, record vault.Record) bool {
	if e.IsZero() {
		return record.BootID == k.Hello.BootID
	}
	return bytes.Equal(record.EmailDigest, k.digest(e))
}

// fresh: the login is no older than MaxAge, and not from the future.
func (k *Kiosk) fresh(s *identity.Session) bool {
	age := k.Clock.Now().Wall.Sub(s.GrantedAt)
	return age <= k.MaxAge && age >= -time.Minute
}

// renewed exchanges the refresh token. The new session replaces the old one in the
// vault before anybody uses it: a crash in between must not lose it. That holds for one that
// comes with an error, too: the old tokens are worth nothing any more.
func (k *Kiosk) renewed(ctx context.Context, a *attempt, old *identity.Session, record *vault.Record) (*identity.Session, error) {
	s, err := k.Provider.Renew(ctx, old)
	if s == nil || record == nil {
		return s, err
	}
	sealed, kept := s.Seal()
	if kept == nil {
		record.Sealed = sealed
		kept = k.keep(ctx, a, *record)
	}
	if kept != nil { // it goes on, but a crash would now forget it
		k.Log.Warn("vault", "error", kept.Error())
	}
	return s, err
}

// seal puts the session where it may rest. A vault that fails is no failure of the
// login: the session stays in memory, and the log says so.
func (k *Kiosk) seal(ctx context.Context, e login.Seal, a *attempt) login.Event {
	k.mu.Lock()
	s, record := a.session, a.record
	k.mu.Unlock()
	if record != nil {
		return login.Sealed{Ref: e.Ref, Kept: true}
	}
	if !e.Remember || s == nil || !k.Vault.Survives() {
		k.forget() // whatever lay there is nobody's now; a slow keyring does not hold up a login
		return login.Sealed{Ref: e.Ref}
	}
	sealed, err := s.Seal()
	record = &vault.Record{Sealed: sealed, EmailDigest: k.digest(e.Email), BootID: k.Hello.BootID, KeptAt: k.Clock.Now().Wall}
	if err == nil {
		err = k.keep(ctx, a, *record)
	}
	if err != nil {
		k.Log.Warn("vault", "error", err.Error())
		return login.Sealed{Ref: e.Ref}
	}
	k.mu.Lock()
	a.record = record
	k.mu.Unlock()
	return login.Sealed{Ref: e.Ref, Kept: true}
}

// handoff is the object on the player's descriptor 3.
type handoff struct {
	AccessToken string     `json:"access_token,omitempty"`
	TokenType   string     `json:"token_type,omitempty"`
	ExpiresAt   *time.Time `json:"expires_at,omitempty"`
	ServiceURL  string     `json:"service_url,omitempty"`
	Subject     string     `json:"subject"`
	Name        string     `json:"name"`
	ExtraTime   string     `json:"extra_time,omitempty"`
}

func newHandoff(s *identity.Session) handoff {
	h := handoff{AccessToken: s.AccessToken, TokenType: s.TokenType, ServiceURL: s.ServiceURL,
		Subject: s.Subject, Name: s.Name, ExtraTime: s.ExtraTime}
	if !s.ExpiresAt.IsZero() {
		at := s.ExpiresAt.UTC()
		h.ExpiresAt = &at
	}
	return h
}

func (k *Kiosk) handOff(ctx context.Context, e login.HandOff, a *attempt) login.Event {
	k.mu.Lock()
	s := a.session
	k.mu.Unlock()
	if s == nil {
		return k.failed(e.Ref, identity.Fail("hand_off", identity.SessionExpired, "no session"))
	}
	s, err := k.ticketed(ctx, a, s)
	if err != nil {
		return k.failed(e.Ref, err)
	}
	err = k.startPlayer(ctx, s)
	if err != nil && !errors.Is(err, supervisor.ErrPlayerRunning) { // an answer that was lost: it runs
		k.Log.Error("player", "error", err.Error())
		return k.failed(e.Ref, identity.Fail("hand_off", identity.ServiceUnavailable, "%w", err))
	}
	return login.HandedOff(e)
}

func (k *Kiosk) startPlayer(ctx context.Context, s *identity.Session) error {
	object, err := json.Marshal(newHandoff(s))
	if err != nil {
		return err
	}
	defer clear(object)
	return k.Supervisor.StartPlayer(ctx, object)
}

// ticketed gives a session a fresh ticket, if a ticket is what it is good for: that one lives
// some seconds and counts once, so it is asked for when the player is about to start.
func (k *Kiosk) ticketed(ctx context.Context, a *attempt, s *identity.Session) (*identity.Session, error) {
	if s.ServiceURL == "" {
		return s, nil
	}
	k.mu.Lock()
	old := *s
	var record *vault.Record
	if a.record != nil {
		kept := *a.record
		record = &kept
	}
	k.mu.Unlock()
	fresh, err := k.renewed(ctx, a, &old, record)
	if fresh != nil {
		k.hold(a, fresh, record)
	}
	return fresh, err
}

// relaunch starts the player again; one that cannot be started counts as one that
// exited at once.
func (k *Kiosk) relaunch() {
	ctx, cancel := context.WithTimeout(k.ctx, requestLimit)
	defer cancel()
	if err := k.startAgain(ctx); err != nil {
		k.Log.Error("player", "error", err.Error())
		k.Post(login.PlayerExited{Code: 127})
	}
}

// startAgain gives the player what it had, or a fresh ticket in the place of a spent one.
func (k *Kiosk) startAgain(ctx context.Context) error {
	a, s, _ := k.inExam()
	if a == nil || s.ServiceURL == "" {
		return k.Supervisor.RelaunchPlayer(ctx)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(a.ctx, cancel)() // the exam is over
	fresh, err := k.ticketed(ctx, a, &s)
	if err != nil {
		return err
	}
	return k.startPlayer(ctx, fresh)
}

// renew answers the player's wish for a fresh token.
func (k *Kiosk) renew(id uint64) {
	ctx, cancel := context.WithTimeout(k.ctx, requestLimit)
	defer cancel()
	token, err := k.freshToken(ctx)
	if err != nil {
		k.Log.Warn("renewal", "kind", identity.KindOf(err).String())
	}
	if err := k.Supervisor.AnswerRenewal(ctx, id, token); err != nil {
		k.Log.Warn("renewal", "error", err.Error())
	}
	clear(token)
}

func (k *Kiosk) freshToken(ctx context.Context) ([]byte, error) {
	a, old, record := k.inExam()
	if a == nil {
		return nil, identity.Fail("renew", identity.SessionExpired, "no session")
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(a.ctx, cancel)() // the exam is over: nobody wants a token
	s, err := k.renewed(ctx, a, &old, record)
	if s == nil {
		return nil, err
	}
	h := newHandoff(s)
	k.hold(a, s, record)
	if err != nil {
		return nil, err
	}
	return json.Marshal(handoff{AccessToken: h.AccessToken, TokenType: h.TokenType, ExpiresAt: h.ExpiresAt, ServiceURL: h.ServiceURL})
}

// inExam is the attempt that holds a session, with copies of session and record: the
// originals may be wiped at any moment.
func (k *Kiosk) inExam() (*attempt, identity.Session, *vault.Record) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, a := range k.attempts {
		if a.session == nil {
			continue
		}
		if a.record == nil {
			return a, *a.session, nil
		}
		record := *a.record
		return a, *a.session, &record
	}
	return nil, identity.Session{}, nil
}
