package oauth

import (
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"portillon/internal/rehearsal/password"
	"portillon/internal/rehearsal/store"
	"portillon/internal/wire"
)

// Scopes that may be asked for.
const (
	scopeOpenID  = "openid"
	scopeProfile = "profile"
	scopeOffline = "offline_access"
)

const maxAddress = 254

// challenge takes one step of a login: the one its form names.
func (s *Service) challenge(r *request) (reply, error) {
	step, bad := s.pick(r)
	switch {
	case r.get(wire.FieldAuthSession) == "" && bad != nil:
		return reply{}, bad
	case r.get(wire.FieldAuthSession) == "" && !r.form.Has(wire.FieldLoginHint):
		return reply{}, refuse(wire.ErrorInvalidRequest, "a login begins with login_hint")
	case r.get(wire.FieldAuthSession) == "":
		return s.begin(r)
	case bad != nil:
		return s.rotate(r, newToken(), func(_ *request, _ *store.Tx, _ store.Session, next token) (reply, error) {
			return reply{}, bad.with(next)
		})
	case r.form.Has(wire.FieldPassword):
		return s.password(r)
	}
	return s.rotate(r, newToken(), step)
}

// stepFunc is a step inside the transaction that moved the session to next. A
// *problem it returns is an answer, and what it wrote stays.
type stepFunc func(r *request, tx *store.Tx, sess store.Session, next token) (reply, error)

// pick finds the one step a form asks for.
func (s *Service) pick(r *request) (stepFunc, *problem) {
	if r.get(wire.FieldResponseType) != wire.ResponseTypeCode {
		return nil, refuse(wire.ErrorInvalidRequest, "wanted response_type=code")
	}
	var step stepFunc
	n := 0
	for field, f := range map[string]stepFunc{
		wire.FieldLoginHint: s.identify, wire.FieldPassword: nil,
		wire.FieldOTPChannel: s.sendCode, wire.FieldOTP: s.checkCode,
	} {
		if r.form.Has(field) {
			step, n = f, n+1
		}
	}
	if n != 1 {
		return nil, refuse(wire.ErrorInvalidRequest, "wanted exactly one of login_hint, password, otp_channel, otp")
	}
	if ch := r.get(wire.FieldOTPChannel); r.form.Has(wire.FieldOTPChannel) && ch != wire.ChannelEmail {
		return nil, refuse(wire.ErrorInvalidRequest, "otp_channel can be email alone")
	}
	if len(r.get(wire.FieldPassword)) > password.MaxBytes {
		return nil, refuse(wire.ErrorInvalidRequest, "password too long")
	}
	if r.form.Has(wire.FieldLoginHint) {
		return step, s.checkIdentify(r)
	}
	return step, nil
}

// checkIdentify checks what comes with login_hint. The hint itself need only be
// something: whether it is a good address shows in whether it is known.
func (s *Service) checkIdentify(r *request) *problem {
	hint := r.get(wire.FieldLoginHint)
	if strings.TrimSpace(hint) == "" || len(hint) > maxAddress || !utf8.ValidString(hint) ||
		strings.ContainsFunc(hint, unicode.IsControl) {
		return refuse(wire.ErrorInvalidRequest, "login_hint is empty, too long or not text")
	}
	if r.get(wire.FieldCodeChallengeMethod) != wire.MethodS256 {
		return refuse(wire.ErrorInvalidRequest, "wanted code_challenge_method=S256")
	}
	if b, err := base64.RawURLEncoding.DecodeString(r.get(wire.FieldCodeChallenge)); err != nil || len(b) != 32 {
		return refuse(wire.ErrorInvalidRequest, "code_challenge is not a SHA-256 in base64url")
	}
	for scope := range strings.FieldsSeq(r.get(wire.FieldScope)) {
		if !slices.Contains([]string{scopeOpenID, scopeProfile, scopeOffline}, scope) {
			return refuse(wire.ErrorInvalidScope, "unknown scope")
		}
	}
	return nil
}

// rotate finds the session, gives it the name next and takes a step, all in one
// transaction.
func (s *Service) rotate(r *request, next token, step stepFunc) (out reply, err error) {
	var answer *problem
	err = s.step(r, func(tx *store.Tx) error {
		sess, err := s.find(r, tx, next)
		if err != nil {
			return err
		}
		out, err = step(r, tx, sess, next)
		if errors.As(err, &answer) {
			return nil // an answer like any other: the new name stays
		}
		return err
	})
	switch {
	case err != nil:
		return reply{}, err
	case answer != nil:
		return reply{}, answer
	}
	if out.after != nil {
		out.after()
	}
	return out, nil
}

// find moves the session of the request's auth_session to next.
func (s *Service) find(r *request, tx *store.Tx, next token) (store.Session, error) {
	now := s.Now()
	sess, found, err := tx.RotateSession(hashOf(r.get(wire.FieldAuthSession)), r.jkt, next.hash, now.Add(-sessionIdle), now)
	if err != nil {
		return sess, err
	}
	if !found || sess.ClientID != r.get(wire.FieldClientID) {
		return sess, refuse(wire.ErrorInvalidSession, "unknown, old or expired auth_session")
	}
	// An address taken away while its login is under way gets no more codes. A phantom
	// has none, and asks the same question of the database.
	holder, _, err := tx.AccountByAddress(sess.Address, now)
	if err != nil {
		return sess, err
	}
	if holder.ID != sess.AccountID {
		return sess, refuse(wire.ErrorInvalidSession, "the address is no longer the account's")
	}
	return sess, nil
}

// begin starts a login without a session.
func (s *Service) begin(r *request) (out reply, err error) {
	err = s.step(r, func(tx *store.Tx) error {
		out, err = s.identify(r, tx, store.Session{}, newToken())
		return err
	})
	return out, err
}

// identify learns who wants to log in. A session that already was is left behind,
// nameless, until it is purged: its codes still tell a superseded one.
func (s *Service) identify(r *request, tx *store.Tx, old store.Session, next token) (reply, error) {
	class, known, err := s.class(tx, r)
	if err != nil {
		return reply{}, err
	}
	address := store.Normalise(r.get(wire.FieldLoginHint))
	account, found, err := tx.AccountByAddress(address, s.Now())
	if err != nil {
		return reply{}, err
	}
	if old.ID != 0 {
		// The name now belongs to the new session.
		if _, err := tx.RenewSession(old.ID, newToken().hash, s.Now()); err != nil {
			return reply{}, err
		}
	}
	sess := s.newSession(r, address, account, known)
	sess.Class = class
	if err := tx.InsertSession(&sess, next.hash, s.Now()); err != nil {
		return reply{}, err
	}
	a := insufficient(next, wire.SubCredentialsRequired)
	switch {
	case known && !found:
		a.Suberror = wire.SubAccountUnknown
	case known && account.Password == "":
		a.Suberror, a.SetupURI = wire.SubAccountNotConfigured, s.SetupURI
	default:
		a.Methods = []string{wire.MethodPassword, wire.MethodEmailCode}
		a.OTPExpiresIn = new(seconds(s.Policy.CodeValid))
	}
	return say(a), nil
}

// newSession decides whose session it is and what its limits count for; the zero
// account is nobody.
func (s *Service) newSession(r *request, address string, account store.Account, known bool) store.Session {
	sess := store.Session{
		JKT: r.jkt, ClientID: r.get(wire.FieldClientID), Scope: strings.Join(strings.Fields(r.get(wire.FieldScope)), " "),
		CodeChallenge: r.get(wire.FieldCodeChallenge), Masked: mask(address),
		Subject: "address " + base64.RawURLEncoding.EncodeToString(s.Keys.MAC("subject", []byte(address))),
	}
	if account.ID != 0 && known {
		// Strangers are counted by address all the same: a count that two addresses
		// share would tell that both exist and are one person's.
		sess.Subject = "account " + account.Sub
	}
	if account.Password != "" && (known || !account.BlockedUntil.After(s.Now())) {
		sess.AccountID, sess.Address = account.ID, address
	}
	return sess
}

// mask keeps the first letter and the domain of an address.
func mask(address string) string {
	local, domain, ok := strings.Cut(address, "@")
	first, _ := utf8.DecodeRuneInString(local)
	if !ok || local == "" {
		return "•••"
	}
	return string(first) + "•••@" + domain
}

// blocked says how long an account is kept out by an administrator, 0: not.
// Only known tablets hold sessions of blocked accounts.
func (s *Service) blocked(tx *store.Tx, sess store.Session) (time.Duration, error) {
	if sess.AccountID == 0 {
		return 0, nil
	}
	a, _, err := tx.AccountByID(sess.AccountID)
	if err != nil {
		return 0, err
	}
	return s.barred(a), nil
}

// barred is the same of an account that was read already; of nobody's it is 0.
func (s *Service) barred(a store.Account) time.Duration {
	return min(max(0, a.BlockedUntil.Sub(s.Now())), s.Policy.Window)
}

// limit says how many events of a kind are left, and for 0 how long to wait.
func (s *Service) limit(tx *store.Tx, sess store.Session, k store.Kind, most int) (left int, wait time.Duration, err error) {
	n, first, _, err := tx.Events(sess, k, s.Now().Add(-s.Policy.Window))
	if err != nil {
		return 0, 0, err
	}
	if n >= most {
		return 0, max(time.Second, first.Add(s.Policy.Window).Sub(s.Now())), nil
	}
	return most - n, 0, nil
}

func tooMany(next token, wait time.Duration) reply {
	a := insufficient(next, wire.SubTooManyAttempts)
	a.RetryAfter = new(seconds(wait))
	return say(a)
}

// grant turns a session that proved itself into an authorization code.
func (s *Service) grant(tx *store.Tx, sess store.Session, next token) (reply, error) {
	now := s.Now()
	if err := tx.ForgiveFailures(sess); err != nil {
		return reply{}, err
	}
	code := newToken()
	err := tx.InsertAuthorizationCode(code.hash, store.AuthorizationCode{
		SessionID: sess.ID, AccountID: sess.AccountID, ClientID: sess.ClientID, JKT: sess.JKT, Scope: sess.Scope,
		CodeChallenge: sess.CodeChallenge, GrantedAt: now, ExpiresAt: now.Add(authCodeLife),
	})
	if err != nil {
		return reply{}, err
	}
	return ok(wire.Answer{AuthorizationCode: code.text, AuthSession: next.text}), nil
}
