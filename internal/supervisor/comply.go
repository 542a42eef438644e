package supervisor

import (
	"errors"
	"fmt"
	"sync"
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

// The findings' IDs.
const (
	findingSignature = "signature"
	findingExpiry    = "expiry"
	findingLockdown  = "lockdown"
)

// errNotSealed: nobody sealed this process.
var errNotSealed = errors.New("nothing seals this process")

// comply checks the configuration's signature, which only this side can; before sealing, since
// the key is nobody's business afterwards. A demonstration is asked nothing.
func (s *supervisor) comply(now time.Time) {
	if s.o.Config.Lockdown != config.LockdownRequired {
		return
	}
	err := s.state.recordGone()
	if err == nil {
		var signature config.Signature
		signature, err = s.o.Config.Accept(s.o.ConfigKey, s.state.serial(), now)
		s.serial = signature.Serial
	}
	s.standing = newStanding(s.o.Config, s.o.ConfigKey, err)
	for _, f := range s.standing.findings(now) {
		s.complain(f)
	}
}

// seal lets the caller seal this process.
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
	s.sealed = sync.OnceValue(s.look)
	return nil
}

// look finds out what holds of the seals: every way out is tried, which takes as long as starting
// the screen process does, and is done meanwhile.
func (s *supervisor) look() []Finding {
	found := []Finding{{ID: findingLockdown, Detail: errNotSealed.Error()}}
	if s.o.Sealed != nil {
		found = s.o.Sealed()
	}
	for _, f := range found {
		s.complain(f)
	}
	return found
}

// complain logs what was found wanting.
func (s *supervisor) complain(f Finding) {
	if !f.OK {
		s.log.Error("not compliant", "check", f.ID, "err", f.Detail)
	}
}
