// Package egress keeps a tablet's firewall (internal/lockdown's Ruleset) in step with where the
// names of the configuration are, and is the only one who answers the tablet's questions about
// names. portillonctl egress calls it; nothing of the kiosk does.
//
//	supervisor ─"auth.example?"→ Guard ─ask→ local resolver ─→ the world's
//	           ←──192.0.2.1──────┤ 1. is the name in the verified configuration? else REFUSED
//	                             │ 2. open 192.0.2.1 . 443 for a while (nft, SetV4/SetV6)
//	                             └ 3. only then answer
//
// So every resolution of the supervisor's own renews the addresses it is about to dial,
// and no process of the kiosk ever says an address: a supervisor that was taken over gains
// nothing but to have a listed name looked up again. Neither side's bytes pass: question
// and answer are made anew, so names off the list, odd record types and other tunnels through
// DNS end here.
//
// The Guard is an unprivileged process with CAP_NET_ADMIN and CAP_NET_BIND_SERVICE. It
// loads a ruleset without hosts first, unless the configuration verifies at once, and
// answers REFUSED until it does.
package egress
