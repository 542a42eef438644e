package login

import (
	"time"

	"portillon/internal/identity"
	"portillon/internal/procedure"
)

// Screen names one screen. The names are part of the log's contract.
type Screen string

// The screens.
const (
	ScreenPreflight    Screen = "preflight"
	ScreenNoncompliant Screen = "noncompliant"
	ScreenEmail        Screen = "email"
	ScreenPassword     Screen = "password"
	ScreenCode         Screen = "code"
	ScreenSetup        Screen = "setup"
	ScreenHelp         Screen = "help"
	ScreenTrouble      Screen = "trouble"
	ScreenConnected    Screen = "connected"
	ScreenEnded        Screen = "ended"
)

// Screens lists every screen, in the order a student may meet them.
func Screens() []Screen {
	return []Screen{ScreenPreflight, ScreenNoncompliant, ScreenEmail, ScreenPassword, ScreenCode,
		ScreenSetup, ScreenHelp, ScreenTrouble, ScreenConnected, ScreenEnded}
}

// Field is where keys go: it has the focus and decides the on-screen keyboard.
type Field string

// The fields.
const (
	FieldNone     Field = ""
	FieldEmail    Field = "email"
	FieldPassword Field = "password"
	FieldCode     Field = "code"
)

// Text is a sentence to show: a key of the translation files, the number that
// picks its plural form, and the values it quotes. Values are shown as plain
// text, whatever they hold.
type Text struct {
	Key   string
	Count int
	Args  map[string]string
}

// View is all that a screen shows and all that it may know: values, no secret,
// nothing to call. Exactly the member named like Screen is set (Email on
// ScreenEmail, …); noncompliant uses Preflight. Equal states give equal views (reflect.DeepEqual).
type View struct {
	Screen Screen
	// Field has the focus; FieldNone folds the keyboard.
	Field Field
	// Busy: a request is under way. What is typed stays; buttons wait.
	Busy bool
	// Error is the one error line, next to the field; nil for none.
	Error *Text
	// Idle is the number of seconds left before the screen empties itself,
	// shown as a warning; 0: no warning.
	Idle int
	// TextPercent is the text size: 100, 125, 150, 175 or 200.
	TextPercent int
	// HighContrast selects the high-contrast palette.
	HighContrast bool
	// Clock is a running code's time, for every screen but code; nil: none.
	Clock *Countdown
	// PasswordEpoch and CodeEpoch: the field empties itself, and wipes its page,
	// whenever its number differs from the one it last saw.
	PasswordEpoch, CodeEpoch int

	Preflight *PreflightView
	Email     *EmailView
	Password  *PasswordView
	Code      *CodeView
	Setup     *SetupView
	Help      *HelpView
	Trouble   *TroubleView
	Connected *ConnectedView
	Ended     *EndedView
}

// Grade is how much a failed check matters.
type Grade string

// The grades of screens.md.
const (
	GradeBlocking Grade = "blocking"
	GradeWaiting  Grade = "waiting"
	GradeWarning  Grade = "warning"
)

// CheckStatus is how far a check has come.
type CheckStatus string

// The statuses.
const (
	CheckRunning CheckStatus = "running"
	CheckOK      CheckStatus = "ok"
	CheckFailed  CheckStatus = "failed"
	// CheckUnknown: it could not be looked at, for a reason that another check tells.
	CheckUnknown CheckStatus = "unknown"
)

// Check is one line of the preflight.
type Check struct {
	ID     string // stem of the translation keys check.ID and check.ID.remedy
	Grade  Grade
	Status CheckStatus
	Code   string // what is read out on the phone; set when failed
}

// PreflightView is screen 0, and «Tablette non conforme».
type PreflightView struct {
	Checks  []Check
	Waiting bool // at least one waiting check failed: it goes on by itself
	GoingOn bool // everything needed is there; screen 1 follows by itself
}

// EmailView is screen 1. Suggestion, when not empty, is the whole address of
// «Vouliez-vous dire … ?». Unknown asks for the sentence about an unrecognised
// address with its two ways out (help, setup).
type EmailView struct {
	Text       string
	Caret      int // in runes, 0 … length
	Suggestion string
	Unknown    bool
}

// PasswordView is screen 2.
type PasswordView struct {
	Email           string
	Typed           int // characters in the field
	Shown           bool
	Remember        bool
	RememberOffered bool
	PasswordOffered bool
	CodeOffered     bool
	CodeMinutes     int  // how long a code lives, rounded down; 0: unknown
	CodeProminent   bool // after the second failure
	// CodeRunning: a code is still valid. The button reads «SAISIR LE CODE
	// REÇU» with this time and sends nothing. Same value as View.Clock.
	CodeRunning *Countdown
	ResendIn    int  // seconds before a code may be asked for; 0: now
	Forgotten   bool // the explanation of «Mot de passe oublié ?» is open
}

// CodeView is screen 3.
type CodeView struct {
	Length          int // cells
	Typed           int
	Minutes         int // N of «durant N minutes»; 0: say it without
	Left            Countdown
	Target          string // masked address; may be empty
	AskedHour       int    // local time the code was asked for
	AskedMinute     int
	ResendIn        int  // seconds; 0: «Recevoir un nouveau code» is enabled
	ResendPrimary   bool // expired, or superseded beyond use
	OfferProcedures bool // two expiries: procedures 2 and 3
}

// Stage is the colour and the sentence of a countdown.
type Stage string

// The stages: amber at 60 s, red at 20 s, expired at 0.
const (
	StageCalm    Stage = "calm"
	StageAmber   Stage = "amber"
	StageRed     Stage = "red"
	StageExpired Stage = "expired"
)

// Countdown is time left in whole seconds, rounded up so that 0 means over.
type Countdown struct {
	Seconds, Total int
	Stage          Stage
}

// SetupView is «Compte non configuré».
type SetupView struct {
	Email string
	URI   string
}

// HelpView is «Aide surveillant».
type HelpView struct {
	Step     procedure.ID // the page
	Email    string       // what was typed, as typed
	SetupURI string       // where an account is set up
	// NextSlot counts down to the next update of secondary addresses; nil where
	// the page does not speak of it. SlotHour:SlotMinute is its local time.
	NextSlot             *Countdown
	SlotHour, SlotMinute int
	// Passed: an update came since this candidate's invigilator first opened the
	// page, the last one at PassedHour:PassedMinute.
	Passed                   bool
	PassedHour, PassedMinute int
	// MayPower: the tablet may be switched off from here. Power and Report are set while they
	// stand in the place of the page.
	MayPower bool
	Power    *PowerView
	Report   *ReportView
}

// PowerView is «Éteindre» and «Redémarrer».
type PowerView struct {
	Action  PowerAction // none: to be chosen; else to be confirmed
	Asked   bool        // confirmed: the tablet ends what runs
	Refused bool        // it did not
}

// ReportView is «Rapport», the oldest line first.
type ReportView struct{ Records []Record }

// TroubleView is network and service trouble.
type TroubleView struct {
	Kind identity.Kind
	// Code is the short code to read out on the phone.
	Code string
	// Correlation identifies the request to the service; may be empty.
	Correlation string
	// RetryIn counts down to what happens by itself: the request again when
	// Resends, else the way back to the field. 0 with Final: nothing happens by itself.
	RetryIn int
	Resends bool
	Final   bool
}

// ConnectedView is screen 4.
type ConnectedView struct {
	Name        string // may be empty
	Seconds     int    // left of the 5 s with «Ce n’est pas moi»; 0: over
	CanDeny     bool
	Opening     bool // handed off, the player is on its way or running
	Interrupted bool // the player failed for good: call the invigilator
}

// EndedView is «Épreuve terminée».
type EndedView struct{ Seconds int }

// Durations and limits of screens.md.
const (
	amberAt         = 60 * time.Second
	redAt           = 20 * time.Second
	denyFor         = 5 * time.Second
	endedFor        = 60 * time.Second
	idleWarnFor     = 20 * time.Second
	longIdle        = 20 * time.Minute
	preflightPause  = 2 * time.Second
	maxRetryWait    = 15 * time.Second // unless Settings.RetryMost is longer
	readingTime     = 15 * time.Second // of a trouble that ends at a field
	maxRelaunches   = 3
	maxEmailRunes   = 254
	maxTypedRunes   = 128
	readFor         = time.Second // before Return answers a question
	expiriesForHelp = procedure.EnoughExpiredCodes
	wrongsForCode   = procedure.EnoughWrongPasswords
)
