package preflight

import (
	"context"
	"fmt"
	"time"

	"portillon/internal/identity"
)

// maxSkew is how far the tablet's clock may be from the service's: beyond it
// proofs (RFC 9449 §11.1) are refused.
const maxSkew = 60 * time.Second

// service is one look at the identity service, which answers five checks: that there
// is a network, that it knows the name, that the service is there, that it is who it must
// be, and that both clocks agree. What the look did not get to is not known.
type service struct {
	look   func(context.Context)
	now    func() time.Time
	online func() bool
	looked chan struct{}

	health identity.Health // read after looked
	at     time.Time
	err    error
}

func newService(p identity.Provider, now func() time.Time, online func() bool) *service {
	s := &service{now: now, online: online, looked: make(chan struct{})}
	s.look = func(ctx context.Context) {
		defer close(s.looked)
		s.health, s.err = p.Check(ctx)
		s.at = now()
	}
	return s
}

func (s *service) probes(into map[string]func(context.Context) (string, error)) {
	wait := func(judge func() (string, error)) func(context.Context) (string, error) {
		return func(ctx context.Context) (string, error) {
			select {
			case <-s.looked:
				return judge()
			case <-ctx.Done():
				return "", fmt.Errorf("%w: %w", ErrUnknown, errNotReached)
			}
		}
	}
	into[IDServer] = func(ctx context.Context) (string, error) {
		s.look(ctx)
		return s.server()
	}
	into[IDNetwork], into[IDNames] = wait(s.network), wait(s.names)
	into[IDPin], into[IDClock] = wait(s.pin), wait(s.clock)
}

// reach is how far the look got.
type reach int

const (
	reachNothing reach = iota // no network
	reachNetwork              // no name, or nothing that shows that there was one
	reachHost                 // nobody there who proves who it is
	reachService              // it has proved who it is
)

// reached tells from how the look failed.
func (s *service) reached() reach {
	if s.err == nil {
		return reachService
	}
	switch identity.KindOf(s.err) {
	case identity.NoNetwork, identity.NoRoute:
		return reachNothing
	case identity.NameNotFound, identity.TimedOut, identity.Canceled, identity.KindUnknown:
		if !s.online() {
			return reachNothing
		}
		return reachNetwork
	case identity.Refused, identity.ConnectionLost, identity.CaptivePortal:
		return reachHost
	default: // it answered, or showed a certificate
		return reachService
	}
}

func unknown() (string, error) { return "", fmt.Errorf("%w: %w", ErrUnknown, errNotReached) }

func (s *service) network() (string, error) {
	if s.reached() > reachNothing {
		return "", nil
	}
	return "", s.err
}

func (s *service) names() (string, error) {
	switch r := s.reached(); {
	case r > reachNetwork:
		return "", nil
	case r == reachNetwork && identity.KindOf(s.err) == identity.NameNotFound:
		return "", s.err
	}
	return unknown()
}

// server: it is there. What it shows for a certificate is another check's.
func (s *service) server() (string, error) {
	switch identity.KindOf(s.err) {
	case identity.BadCertificate, identity.ClockWrong:
		return "", nil
	case identity.NameNotFound, identity.NoNetwork, identity.NoRoute:
		return unknown()
	default: // it did not answer, or not as it should
	}
	if s.err == nil {
		return s.health.Detail, nil
	}
	if s.reached() == reachNothing {
		return unknown()
	}
	return "", s.err
}

func (s *service) pin() (string, error) {
	switch {
	case identity.KindOf(s.err) == identity.BadCertificate:
		return "", s.err
	case s.reached() < reachService:
		return unknown()
	}
	return "", nil
}

func (s *service) clock() (string, error) {
	if identity.KindOf(s.err) == identity.ClockWrong {
		return "", s.err
	}
	if s.health.ServerTime.IsZero() {
		if s.err == nil { // a service that does not say: proofs would tell
			return "the service tells no time", nil
		}
		return unknown()
	}
	skew := s.at.Sub(s.health.ServerTime)
	if skew.Abs() > maxSkew {
		return "", identity.Fail("clock", identity.ClockWrong, "the tablet's clock is %s off", skew.Round(time.Second))
	}
	return fmt.Sprintf("%+.0f s off the service's", skew.Seconds()), nil
}
