// Package supervisor is the two-process shape of a tablet: the side outside the
// sandbox, which dials, signs and starts the exam player, and the client through
// which the sealed screen process asks it to.
//
// cmd/portillon calls Run in the process that systemd starts, and Connect in the
// screen process that Run starts; internal/kiosk uses the Client. Nobody else
// calls this package. Linux only.
//
//	systemd ── Run ──┬─ fd 3, SOCK_SEQPACKET ──────── screen process: Connect → Client
//	                 └─ fd 3, hand-off; fd 4, lines ── exam player
//
// Run never reads what a server or a student wrote: sockets, hand-off and renewed
// tokens cross it as descriptors and bytes. Hand-off and tokens stay in locked
// pages that are wiped after use. The device key never leaves it.
//
// # Screen process
//
// The same program again (/proc/self/exe), with a minimal environment, in a process
// group of its own. It is started again whatever ends it: at once after
// Client.EndCandidate, else after a wait that grows from 0 to 2 s while it keeps
// dying young. It should seal itself between Connect and its first window; Connect
// needs nothing afterwards but the descriptor it holds.
//
// One packet is one message: two bytes, big endian, for the length of a JSON head
// (at most 16 KiB), the head, and at most 64 KiB of bytes that are passed on as they
// are. Each request has a number, its reply the same one; an event has 0. Several may be
// under way. A socket travels beside its reply (SCM_RIGHTS). Anything else from
// the screen process (a malformed, overlong or unexpected packet, a descriptor)
// ends it at once: a program that does not speak its own protocol is no longer ours.
//
// # Exam player
//
// Started from config.Exam.Command in a process group of its own. Nothing is said in
// its arguments or environment. Standard output and error are discarded. HOME is a
// directory that lives as long as the candidate. When the player ends, its
// group and whatever it left behind end too.
//
// Descriptor 3 is a pipe: one JSON object, end of file, readable once.
// Descriptor 4 is a stream socket of lines, each one JSON object of at most 8 KiB,
// closed by the supervisor when the session ends. The player may write
//
//	{"htm":"POST","htu":"https://evaluation.example/x","ath":"…","nonce":"…"}
//	{"renew":true}
//
// A request for a proof (ath and nonce may be absent; htu on config.Exam.Hosts,
// https) is answered, in order, by {"proof":"…"} or {"error":"…"}. A request for a
// renewed token is answered when there is one by {"renewed":{…}}, where the object has the
// hand-off's members access_token, token_type and expires_at, or within 30 s by
// {"renewed":null,"error":"unavailable"}; asking again before that gives no second
// answer. Other errors are "malformed", "not allowed" and "failed". An overlong line
// closes the socket.
package supervisor
