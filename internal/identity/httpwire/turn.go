package httpwire

import (
	"context"

	"portillon/internal/identity"
)

// Turn is what an adapter does with each kind of answer; the order around it is the same for
// all. Its functions are called with the flow's lock held.
type Turn struct {
	// Over: the flow is closed, and answers SessionExpired.
	Over bool
	// Link is closed after each secret: with the connection go its buffers, and the keys that
	// a recording would need.
	Link interface{ Close() }
	// Password and Code get a copy of the secret, which its owner may wipe meanwhile.
	Password, Code func(context.Context, *identity.Secret) (*identity.Session, error)
	// Send asks for a code.
	Send func(context.Context) (*identity.Challenge, error)
	// End forgets the login's state; called once there is a session or the service has
	// forgotten the login.
	End func()
}

// Names of the steps of Turn in errors.
const (
	OpPassword = "password"
	OpCode     = "code"
	OpSendCode = "send_code"
)

// Answer takes one answer to the service, as identity.Flow says.
func (t Turn) Answer(ctx context.Context, a identity.Answer) (out identity.Outcome, err error) {
	switch a := a.(type) {
	case identity.PasswordAnswer:
		out.Session, err = t.secretly(ctx, OpPassword, a.Password, identity.WrongPassword, t.Password)
	case identity.CodeAnswer:
		out.Session, err = t.secretly(ctx, OpCode, a.Code, identity.WrongCode, t.Code)
	case identity.CodeRequest:
		if t.Over {
			return out, closed(OpSendCode)
		}
		out.Challenge, err = t.Send(ctx)
	}
	if out.Session != nil || identity.KindOf(err) == identity.SessionExpired {
		t.End()
	}
	return out, err
}

func closed(op string) error { return identity.Fail(op, identity.SessionExpired, "flow is closed") }

func (t Turn) secretly(ctx context.Context, op string, s *identity.Secret, empty identity.Kind,
	send func(context.Context, *identity.Secret) (*identity.Session, error),
) (*identity.Session, error) {
	if t.Over {
		return nil, closed(op)
	}
	own, err := Keep(op, s, empty)
	if err != nil {
		return nil, err
	}
	defer own.Close()
	defer t.Link.Close()
	return send(ctx, own)
}
