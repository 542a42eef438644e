// Package fipa is the identity adapter for OAuth 2.0 for First-Party Applications
// (draft-ietf-oauth-first-party-apps) with this project's password and
// one-time-code fields (internal/wire). The kiosk, preflight, doctor and storm use it
// through identity.Provider; nothing else is exported but Config and New.
//
//	Begin ──→ flow.go: identify            ┐
//	Answer ─→ flow.go: password, otp       ├→ link.go: post ──→ once ──→ conn.go ──→ TLS
//	           └ granted → token.go:       │    │  DPoP proof, one      the secret joins
//	             exchange, id_token        ┘    │  nonce repetition      the bytes here
//	Check ──→ discover.go ──→ link.go: get      └→ answer.go: body → Challenge, grant or Kind
//	                                               neterr.go: no answer → Kind
//
// Two promises shape the code.
//
// A secret is sent once. Only RFC 9449's use_dpop_nonce, which a server gives
// before it looks at anything else, makes link.post send again; net/http is given
// bodies it cannot rewind, and x/oauth2 a fixed auth style.
//
// A secret is nowhere but in locked pages. Strings, url.Values, bufio and
// crypto/tls all leave copies for the garbage collector to find some day. So
// requests are built with a placeholder as long as the percent-encoded secret, and conn puts the
// secret in its place underneath net/http, one byte a TLS record (see conn.go).
package fipa
