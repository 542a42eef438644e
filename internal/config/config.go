// Package config reads the exam centre's configuration, a TOML file, into plain
// structs. Every program calls Load once, at its doorway; nothing else parses
// TOML. It is strict: an unknown key, a wrong type, a missing or meaningless
// value is an error that names file, line and key, and all of them are reported
// at once.
//
// Every key must be written, so that a file says by itself what holds. The only
// ones that may be absent are centre.local_phone, centre.image_window, the table [identity.cas]
// (required for provider "cas", put aside for any other) and, in it, the address
// of the mode that is not used. Empty is a value, with the meaning given here,
// for centre.tablet, centre.local_phone, centre.update_uri, identity.ca_file
// and exam.hosts; anything else must hold something.
//
// The file holds no secret, and no error quotes an address it was given.
//
//	bytes ─readDocument→ entries with their lines ─reader→ Config, Errors
package config

import "time"

// Config is a centre's configuration, checked and complete.
type Config struct {
	Path     string // the file it came from
	Raw      []byte // its very bytes: what a signature is checked over
	Lockdown Lockdown
	Language string // "fr" or "en"
	Timezone *time.Location
	Centre   Centre
	Identity Identity
	Login    Login
	Session  Session
	Exam     Exam

	doc *document // where each key stands, for Warnings
}

// Lockdown is how strict the tablet is.
type Lockdown string

// The values of lockdown.
const (
	LockdownRequired Lockdown = "required"
	LockdownOff      Lockdown = "off" // demonstration only
)

// Centre is who and where.
type Centre struct {
	Name, Room   string
	Tablet       string // empty: from the fleet file, by hardware serial
	LocalPhone   string // the centre's own help; empty: none
	SupportPhone string
	SupportURI   string
	BatteryMin   int    // percent, 0 to 100
	UpdateURI    string // empty: no updates are pulled
	ImageWindow  Window // when images are, too; zero: never
}

// Identity is the service that proves who a student is.
type Identity struct {
	Provider  string // "fipa", "cas" or "kratos"
	Issuer    string // base URL without trailing slash
	ClientID  string
	Scope     string
	Pins      []string      // "sha256/BASE64", at least one
	CAFile    string        // empty: the system's
	CodeValid time.Duration // 1 s to 10 min, in whole seconds
	RetryMost time.Duration // longest wait between two tries by themselves; 5 s to 5 min, 15 s where absent
	CAS       *CAS          // set for provider "cas" alone
}

// CAS is what Apereo CAS needs beside.
type CAS struct {
	Mode        string // "oauth" or "service"
	RedirectURI string // required for mode "oauth"
	Service     string // required for mode "service"
}

// Login is the login's manners.
type Login struct {
	Exam       string
	Domains    []string
	RememberMe string        // "offered" or "hidden"
	IdleReset  time.Duration // 5 s to 30 min
	SetupURI   string
}

// Session bounds resuming.
type Session struct{ MaxAge time.Duration } // 1 s to 24 h

// Exam is what follows a login.
type Exam struct {
	Command []string // absolute path first
	Hosts   []string // host:port; may be empty
}
