// Package rehearsal is the identity service's side of an exam on one machine: a
// real service with real mail, for mock exams, staff training, tests and storms.
// cmd/rehearsal serves it through rehearsal/command; tests and internal/e2e call Start.
//
//	Start(Options) ─ DATA lock ─ ca (HTTPS) ─ keys ─ store (SQLite)
//	      ├ people   demonstration accounts, CSV
//	      ├ oauth    /.well-known/…, /challenge, /token, /revoke, /jwks
//	      ├ cockpit  where staff look people up, on a port of its own (web)
//	      ├ mail     queue → SMTP relay
//	      └ mailbox  --demo alone: catch-all SMTP and a page, on loopback
//
// What is in the data directory (mode 0700): lock, ca/, keys/, rehearsal.db. What is
// not: a password, a one-time code, a token or a waiting mail in the clear.
package rehearsal
