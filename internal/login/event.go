package login

import (
	"time"

	"portillon/internal/identity"
	"portillon/internal/procedure"
)

// Event is anything that happens to a login.
//
//sumtype:decl
type Event interface {
	// step carries the event out; defined beside the screen it is about.
	step(t *turn)
}

// Ref names one piece of asynchronous work: the login attempt (one Begin) and the
// request within it.
type Ref struct{ Attempt, Request int }

// Instant is a moment on two clocks: Boot counts from boot through suspend
// (CLOCK_BOOTTIME) and is what every wait and countdown uses; Wall is what
// people read.
type Instant struct {
	Boot time.Duration
	Wall time.Time
}

// From the screens.
type (
	// Key is a character for the e-mail field; Insert several at once (a domain key).
	Key    struct{ Rune rune }
	Insert struct{ Text string }
	// Domain is a one-touch key: it completes, or replaces, what follows the @.
	Domain struct{ Text string }
	// Backspace deletes before the caret, Delete after it; CaretTo moves it (runes).
	Backspace struct{}
	Delete    struct{}
	CaretTo   struct{ Pos int }
	// Typed tells how many characters a secret field now holds.
	Typed struct {
		Field Field
		N     int
	}
	// SubmitEmail, SubmitPassword and SubmitCode are «SE CONNECTER» on screens 1, 2
	// and 3. The secret is a clone: the field keeps its own. The machine sends
	// or wipes it, always. A nil Secret counts as empty.
	SubmitEmail    struct{}
	SubmitPassword struct{ Secret *identity.Secret }
	SubmitCode     struct{ Secret *identity.Secret }
	// AcceptSuggestion takes the address of «Vouliez-vous dire … ?»;
	// RefuseSuggestion sends what was typed.
	AcceptSuggestion struct{}
	RefuseSuggestion struct{}
	// RequestCode is «RECEVOIR LE CODE» and «Recevoir un nouveau code»; EnterCode
	// is «SAISIR LE CODE REÇU».
	RequestCode    struct{}
	EnterCode      struct{}
	ToggleShown    struct{}
	ToggleRemember struct{}
	OpenForgotten  struct{}
	OpenSetup      struct{} // the way to set an account up, from an unknown address
	SetupDone      struct{} // «J’ai terminé»
	NotMe          struct{} // «Ce n’est pas moi»
	RetryNow       struct{} // «Réessayer maintenant», «Réessayer»
	OpenHelp       struct{}
	// HelpTo goes to a page of the help's decision tree; CloseHelp leaves it.
	HelpTo    struct{ Step procedure.ID }
	CloseHelp struct{ Goal procedure.Goal }
	// OpenAside opens what stands in the help beside the tree; ChoosePower and ConfirmPower are
	// «Éteindre» or «Redémarrer», and then «Oui».
	OpenAside    struct{ Aside Aside }
	ChoosePower  struct{ Action PowerAction }
	ConfirmPower struct{}
	// Back is Escape, «Retour», «Annuler», «Modifier»: the screen's own way back.
	Back struct{}
	// StepText is «Aa»: the next text size, then high contrast, then round.
	StepText struct{}
	// Touched is any touch or key that is no other event: it only feeds the idle timer.
	Touched struct{}
)

// From the kiosk.
type (
	// Tick moves the machine's clock. The kiosk posts one before every other event
	// and at least once a second.
	Tick struct{ At Instant }
	// Checked is the preflight's state, once or as its checks come in; Done marks the last.
	Checked struct {
		Ref    Ref
		Checks []Check
		Done   bool
	}
	// Challenged answers Begin and AskCode.
	Challenged struct {
		Ref       Ref
		Challenge identity.Challenge
	}
	// Failed answers any request with an error.
	Failed struct {
		Ref     Ref
		Failure Failure
	}
	// Granted answers SendPassword, SendCode and Resume: the kiosk holds the session
	// of this attempt.
	Granted struct {
		Ref  Ref
		Name string
	}
	// NotRemembered answers Resume: nothing is kept for this address.
	NotRemembered struct{ Ref Ref }
	// Sealed answers Seal. Kept says whether the vault will survive a restart.
	Sealed struct {
		Ref  Ref
		Kept bool
	}
	// HandedOff answers HandOff: the player has been started with the session.
	HandedOff struct{ Ref Ref }
	// PowerRefused answers Power where nobody can carry it out.
	PowerRefused struct{}
	// PlayerExited tells how the exam player ended.
	PlayerExited struct{ Code int }
	// PlayerRunning tells a fresh machine that the exam is already under way: the
	// screen process was restarted behind it.
	PlayerRunning struct{}
	// Remembered tells a fresh machine, in the same boot, that a remembered session
	// waits: it is resumed directly.
	Remembered struct{}
)

// Failure is an *identity.Error as a value.
type Failure struct {
	Kind        identity.Kind
	Remaining   int // tries left; -1: not said
	RetryAfter  time.Duration
	SetupURI    string
	Correlation string
	// Backoff is the jittered wait before a safe request is repeated, drawn by the
	// kiosk (the machine has no dice); used where RetryAfter is 0.
	Backoff time.Duration
}
