// Package rehearsal is the identity service's side of an exam on one machine: a
// real service with real mail, for mock exams, staff training, tests and storms.
// cmd/rehearsal serves it through rehearsal/command; tests and internal/e2e call Start.
//
//	Start(Options) ─ DATA lock ─ store (SQLite, PostgreSQL) ─ keys ─ ca (HTTPS)
//	      ├ people   demonstration accounts, CSV
//	      ├ oauth    /.well-known/…, /challenge, /token, /revoke, /jwks
//	      ├ cockpit  where staff look people up, on a port of its own (web)
//	      ├ mail     queue → SMTP relay
//	      └ mailbox  --demo alone: catch-all SMTP and a page, on loopback
//
// What is in the data directory (mode 0700): lock, making, ca/, keys/, rehearsal.db. What is
// not: a password, a one-time code, a token or a waiting mail in the clear.
//
// Several processes serve one PostgreSQL behind any load balancer that hands TLS through.
// Each has a data directory with the same keys/ and ca/, one directory on one machine, and
// starts only with those the database knows. What a process remembers by itself may be
// lost or differ: clocks of floods, moments promised to who waits for a core, caches.
package rehearsal
