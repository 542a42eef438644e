package login

import "portillon/internal/identity"

// Effect is something to be done in the world, as data. The kiosk carries effects out in
// order, each with a deadline.
//
//sumtype:decl
type Effect interface{ isEffect() }

// The effects.
type (
	// Preflight runs the checks and answers Checked.
	Preflight struct{ Ref Ref }
	// Begin opens attempt Ref.Attempt; answers Challenged or Failed.
	Begin struct {
		Ref   Ref
		Email identity.Email
	}
	// AskCode has a one-time code mailed; answers Challenged or Failed.
	AskCode struct{ Ref Ref }
	// SendPassword and SendCode send the secret once and wipe it; they answer Granted or
	// Failed.
	SendPassword struct {
		Ref    Ref
		Secret *identity.Secret
	}
	SendCode struct {
		Ref    Ref
		Secret *identity.Secret
	}
	// Resume looks for a remembered session: of this address, or, with a zero
	// Email, of this boot. Another address's is wiped. Answers Granted,
	// NotRemembered or Failed.
	Resume struct {
		Ref   Ref
		Email identity.Email
	}
	// Seal puts the attempt's session where it may rest: the vault that survives a
	// restart when Remember, memory otherwise. Answers Sealed.
	Seal struct {
		Ref      Ref
		Email    identity.Email
		Remember bool
	}
	// HandOff starts the exam player with the attempt's session; answers HandedOff or Failed.
	HandOff struct{ Ref Ref }
	// Relaunch starts the player again with what it was given; no answer but the next
	// PlayerExited.
	Relaunch struct{}
	// Discard ends an attempt: cancel its requests, close its flow, wipe its
	// session and then revoke it.
	Discard struct{ Attempt int }
	// WipeSecret zeroes a secret that will not be sent.
	WipeSecret struct{ Secret *identity.Secret }
	// Reset ends this candidate: wipe everything, revoke, and give way to a new
	// screen process.
	Reset struct{}
	// Power has the machine switched off or started anew; answers PowerRefused or nothing.
	Power struct{ Action PowerAction }
	// Outcome is a line for the log: a name from a closed set, never a person.
	Outcome struct{ Kind string }
)

func (Preflight) isEffect()    {}
func (Begin) isEffect()        {}
func (AskCode) isEffect()      {}
func (SendPassword) isEffect() {}
func (SendCode) isEffect()     {}
func (Resume) isEffect()       {}
func (Seal) isEffect()         {}
func (HandOff) isEffect()      {}
func (Relaunch) isEffect()     {}
func (Discard) isEffect()      {}
func (WipeSecret) isEffect()   {}
func (Reset) isEffect()        {}
func (Power) isEffect()        {}
func (Outcome) isEffect()      {}
