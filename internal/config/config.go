// Package config reads the exam centre's configuration, a TOML file, into plain
// structs. Every program calls Load once, at its doorway; nothing else parses
// TOML. It is strict: an unknown key, a wrong type, a missing or meaningless
// value is an error that names file, line and key, and all of them are reported
// at once.
package config

import "time"

// Config is a centre's configuration, checked and complete.
type Config struct {
	Path     string // the file it came from
	Lockdown Lockdown
	Language string // "fr" or "en"
	Timezone *time.Location
	Centre   Centre
	Identity Identity
	Login    Login
	Session  Session
	Exam     Exam
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
	Name, Room, Tablet       string
	LocalPhone, SupportPhone string
	SupportURI               string
	BatteryMin               int // percent, 0 to 100
	UpdateURI                string
}

// Identity is the service that proves who a student is.
type Identity struct {
	Provider  string // "fipa", "cas" or "kratos"
	Issuer    string // base URL without trailing slash
	ClientID  string
	Scope     string
	Pins      []string // "sha256/BASE64", at least one
	CAFile    string   // empty: the system's
	CodeValid time.Duration
	CAS       *CAS // set for provider "cas" alone
}

// CAS is what Apereo CAS needs beside.
type CAS struct {
	Mode        string // "oauth" or "service"
	RedirectURI string
	Service     string
}

// Login is the login's manners.
type Login struct {
	Exam       string
	Domains    []string
	RememberMe string        // "offered" or "hidden"
	IdleReset  time.Duration // 30 s to 30 min
	SetupURI   string
}

// Session bounds resuming.
type Session struct{ MaxAge time.Duration }

// Exam is what follows a login.
type Exam struct {
	Command []string // absolute path first
	Hosts   []string // host:port
}
