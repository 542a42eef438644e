package oauth

import (
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"math/big"
	"time"

	"portillon/internal/rehearsal/mail"
	"portillon/internal/rehearsal/store"
	"portillon/internal/wire"
)

// otpLength is the number of digits of a code.
const otpLength = 6

// newCode draws a code, leading zeros kept.
func newCode() (string, error) {
	n, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
	if err != nil {
		return "", errWrap("draw a code", err)
	}
	return fmt.Sprintf("%0*d", otpLength, n), nil
}

func (s *Service) codeMAC(salt []byte, code string) []byte {
	return s.Keys.MAC("one-time code", salt, []byte(code))
}

// sendCode makes a code and queues its mail.
func (s *Service) sendCode(_ *request, tx *store.Tx, sess store.Session, next token) (reply, error) {
	wait, err := s.mayNotSend(tx, sess)
	if err != nil {
		return reply{}, err
	}
	if wait > 0 {
		return tooMany(next, wait), nil
	}
	code, err := newCode()
	if err != nil {
		return reply{}, err
	}
	now := s.Now()
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // never fails (crypto/rand)
	err = tx.InsertCode(sess, store.Code{
		Salt: salt, MAC: s.codeMAC(salt, code), SentAt: now, ExpiresAt: now.Add(s.Policy.CodeValid),
	})
	if err != nil {
		return reply{}, err
	}
	if _, err := tx.AddEvent(sess, store.Sent, now); err != nil {
		return reply{}, err
	}
	msg := mail.CodeMessage(sess.Address, code, s.Policy.CodeValid, now, s.Zone)
	if err := s.Mails.Enqueue(tx, msg, sess.AccountID == 0, now.Add(s.Policy.CodeValid)); err != nil {
		return reply{}, err
	}
	a := insufficient(next, wire.SubOTPRequired)
	a.OTPLength, a.OTPTarget = new(otpLength), sess.Masked
	a.OTPExpiresIn = new(seconds(s.Policy.CodeValid))
	a.OTPResendAfter = new(seconds(s.Policy.CodeResend))
	out := say(a)
	out.after = s.Mails.Wake
	return out, nil
}

// mayNotSend says how long until another code may be sent, 0: now.
func (s *Service) mayNotSend(tx *store.Tx, sess store.Session) (time.Duration, error) {
	wait, err := s.blocked(tx, sess)
	if err != nil || wait > 0 {
		return wait, err
	}
	if _, wait, err = s.limit(tx, sess, store.WrongCode, s.Policy.CodeFailures); err != nil || wait > 0 {
		return wait, err
	}
	now := s.Now()
	_, _, last, err := tx.Events(sess, store.Sent, now.Add(-s.Policy.Window))
	if err != nil {
		return 0, err
	}
	if wait = last.Add(s.Policy.CodeResend).Sub(now); !last.IsZero() && wait > 0 {
		return wait, nil
	}
	_, wait, err = s.limit(tx, sess, store.Sent, s.Policy.Sends)
	return wait, err
}

// checkCode compares a code with the newest of the session.
func (s *Service) checkCode(r *request, tx *store.Tx, sess store.Session, next token) (reply, error) {
	left, wait, err := s.mayNotTry(tx, sess)
	if err != nil {
		return reply{}, err
	}
	if wait > 0 {
		return tooMany(next, wait), nil
	}
	codes, err := tx.Codes(sess)
	if err != nil {
		return reply{}, err
	}
	current, match, matchOlder := s.compare(sess, codes, r.get(wire.FieldOTP))
	now := s.Now()
	switch {
	case current == nil:
		return reply{}, refuse(wire.ErrorInvalidRequest, "no code was asked for").with(next)
	case match && !current.UsedAt.IsZero():
		return say(insufficient(next, wire.SubOTPUsed)), nil
	case now.After(current.ExpiresAt.Add(s.Policy.CodeGrace)):
		return say(insufficient(next, wire.SubOTPExpired)), nil
	case current.Tries >= s.Policy.CodeTries:
		return s.spent(tx, sess, next)
	case match && sess.AccountID != 0:
		return s.useCode(tx, sess, next, current.ID)
	case matchOlder: // an honest slip, and no help in guessing: not counted
		return say(insufficient(next, wire.SubOTPSuperseded)), nil
	}
	if err := tx.CountTry(current.ID); err != nil {
		return reply{}, err
	}
	if _, err := tx.AddEvent(sess, store.WrongCode, now); err != nil {
		return reply{}, err
	}
	if left = min(left, s.Policy.CodeTries-current.Tries) - 1; left == 0 {
		return s.spent(tx, sess, next)
	}
	a := insufficient(next, wire.SubInvalidOTP)
	a.RemainingAttempts = &left
	return say(a), nil
}

// mayNotTry says how many wrong codes are left, and for none how long to wait.
func (s *Service) mayNotTry(tx *store.Tx, sess store.Session) (left int, wait time.Duration, err error) {
	if wait, err = s.blocked(tx, sess); err != nil || wait > 0 {
		return 0, wait, err
	}
	return s.limit(tx, sess, store.WrongCode, s.Policy.CodeFailures)
}

// compare finds the session's newest code, and whether the digits are its own or an
// older mail's: one of the same session, or one that the same known tablet asked for
// before it was restarted. Every code is compared, in constant time.
func (s *Service) compare(sess store.Session, codes []store.Code, otp string) (current *store.Code, match, matchOlder bool) {
	for i, c := range codes {
		own := c.SessionID == sess.ID
		same := subtle.ConstantTimeCompare(c.MAC, s.codeMAC(c.Salt, otp)) == 1
		switch {
		case own && current == nil:
			current, match = &codes[i], same
		case current != nil && (own || sess.Class != unknownClients):
			matchOlder = matchOlder || same
		}
	}
	return current, match, matchOlder
}

// spent is the answer once a code has been guessed at too often: it says when
// another may be asked for.
func (s *Service) spent(tx *store.Tx, sess store.Session, next token) (reply, error) {
	wait, err := s.mayNotSend(tx, sess)
	if err != nil {
		return reply{}, err
	}
	return tooMany(next, wait), nil
}

func (s *Service) useCode(tx *store.Tx, sess store.Session, next token, code int64) (reply, error) {
	first, err := tx.UseCode(code, s.Now())
	if err != nil {
		return reply{}, err
	}
	if !first {
		return say(insufficient(next, wire.SubOTPUsed)), nil
	}
	return s.grant(tx, sess, next)
}
