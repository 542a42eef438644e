// Package login is the machine behind the screens: one value of state, one
// function that advances it, one that says what to show. It is pure. It sees no
// network, no clock, no log, no window; time comes in as Tick, and whatever is to
// be done in the world goes out as Effect, plain data that the kiosk carries out
// and answers with an Event.
//
// Only internal/kiosk calls Step; internal/ui reads View and produces the
// events marked "from the screens".
//
//	preflight ─ok→ email ─Begin→ password ─AskCode→ code
//	                 ↑  ╲            │  ╲             │
//	                 │   setup       │   trouble      │      (help from any of them)
//	                 │               └── Granted ─────┘
//	                 │                      ↓ Seal, then the name for 5 s, then HandOff
//	               ended ←─ exit 0 ── connected
//
// Every piece of asynchronous work carries a Ref. An answer whose Ref is not
// the one waited for changes nothing; what it brought (a session, a secret) is
// discarded by an effect. One login is connected only after Granted, Sealed and
// HandedOff of the same Ref.Attempt, in this order.
//
// What was typed: the e-mail lives in State. Passwords and codes never do; the
// machine knows how many characters the field holds, and passes an
// *identity.Secret through from Submit to the effect that sends it. Fields are
// emptied by View.PasswordEpoch and View.CodeEpoch changing.
package login
