package supervisor

import (
	"errors"
	"fmt"
	"time"

	"portillon/internal/config"
)

// Finding is one thing the supervisor checked.
type Finding struct {
	ID string `json:"id"` // stem of the translation keys check.ID
	OK bool   `json:"ok"`
	// Detail is one line for a technician; never secret.
	Detail string `json:"detail,omitempty"`
}

// errNotSealed: nobody sealed this process.
var errNotSealed = errors.New("nothing seals this process")

// comply checks the configuration's signature, which only this side can; before sealing, since
// the key is nobody's business afterwards. A demonstration is asked nothing.
func (s *supervisor) comply(now time.Time) {
	if s.o.Config.Lockdown != config.LockdownRequired {
		return
	}
	signature, err := s.o.Config.Accept(s.o.ConfigKey, s.state.serial(), now)
	s.serial = signature.Serial
	s.found("signature", err)
}

// seal lets the caller seal this process, and notes whether that holds.
func (s *supervisor) seal() error {
	var err error
	if s.o.SealParent != nil {
		err = s.o.SealParent()
	}
	if err == nil && s.o.SealChildren != nil {
		s.forker.do(func() { err = s.o.SealChildren() })
	}
	if err != nil {
		return fmt.Errorf("supervisor: seal: %w", err)
	}
	if s.o.Config.Lockdown != config.LockdownRequired {
		return nil
	}
	sealed := errNotSealed
	if s.o.Sealed != nil {
		sealed = s.o.Sealed()
	}
	s.found("lockdown", sealed)
	return nil
}

func (s *supervisor) found(id string, err error) {
	f := Finding{ID: id, OK: err == nil}
	if err != nil {
		f.Detail = err.Error()
		s.log.Error("not compliant", "check", id, "err", err)
	}
	s.findings = append(s.findings, f)
}
