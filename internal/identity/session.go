package identity

import (
	"encoding/json"
	"fmt"
	"time"
)

// Session is what a successful login gives. Its tokens are secrets: it prints as
// "[session]" whatever the verb and refuses to be marshalled by accident; Seal
// and Unseal are the only way to bytes, for the vault.
type Session struct {
	AccessToken  string
	RefreshToken string
	TokenType    string    // "DPoP" or "Bearer"
	ExpiresAt    time.Time // of the access token; zero: unknown
	ServiceURL   string    // CAS service mode alone: the URL with its ticket
	Cookie       string    // CAS alone: the session cookie kept for resuming

	Subject   string
	Name      string // full name; empty where the service does not tell
	ExtraTime string // "" or "1/3"

	GrantedAt time.Time // when the login succeeded, wall clock
}

const redactedSession = "[session]"

// Format redacts for every verb of fmt.
func (Session) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redactedSession)) }

// MarshalJSON refuses: a session is sealed, never encoded in passing.
func (Session) MarshalJSON() ([]byte, error) {
	return nil, fmt.Errorf("identity: a session is not to be marshalled; use Seal")
}

// Wipe forgets the session. Go strings cannot be zeroed; dropping the last
// reference is all that can be done for tokens.
func (s *Session) Wipe() {
	if s != nil {
		*s = Session{}
	}
}

// sealed is Session without its guard methods.
type sealed Session

// Seal encodes the session for the vault.
func (s *Session) Seal() ([]byte, error) { return json.Marshal((*sealed)(s)) }

// Unseal reads what Seal wrote.
func Unseal(b []byte) (*Session, error) {
	var s sealed
	if err := json.Unmarshal(b, &s); err != nil {
		return nil, fmt.Errorf("identity: sealed session unreadable") // the cause would quote it
	}
	return (*Session)(&s), nil
}
