// Package supervisor is the two-process shape of a tablet: the unsealed side,
// which dials, signs and starts the exam player, and the client through which the
// sealed screen process asks it to. See decision "Two processes".
//
// cmd/portillon calls Run in the process that systemd starts, and Connect in the
// screen process that Run starts; internal/kiosk uses the Client. Nothing else
// imports this package.
//
//	systemd ── portillon (Run) ──┬─ fd 3, SOCK_SEQPACKET ── screen process (Connect → Client)
//	                             └─ fd 3 hand-off, fd 4 JSON lines ── exam player
//
// Run parses nothing a server or a student wrote. What crosses it (sockets,
// hand-off, renewed tokens) it relays as bytes.
package supervisor
