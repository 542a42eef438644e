package e2e

import (
	"testing"
	"time"

	"portillon/internal/e2e/hands"
	"portillon/internal/identity"
	"portillon/internal/login"
)

func troubleScreen(kind identity.Kind, resends bool) login.View {
	return login.View{Screen: login.ScreenTrouble,
		Trouble: &login.TroubleView{Kind: kind, Code: "N4", RetryIn: 1, Resends: resends}}
}

// stopService takes the service away, as a fault would.
func (r *room) stopService() string {
	r.t.Helper()
	at := r.address()
	r.must(r.service.Kill())
	return at
}

// TestServerGoneBeforeLogin: to identify somebody is safe to repeat, and is repeated by
// itself until the service is back.
func TestServerGoneBeforeLogin(t *testing.T) {
	r := enter(t)
	at := r.stopService()
	r.write(camille.address)
	r.press(hands.Return)
	r.on("trouble")
	r.outcome("refused")
	r.see(troubleScreen(identity.Refused, true))
	r.outcome("refused") // it has tried again
	r.serve(at)
	r.within(40*time.Second, "password")
	r.see(passwordScreen(camille))
	r.write(camille.password)
	r.press(hands.Return)
	r.connect()
}

// TestServerGoneWithPassword: a password is never sent again by itself. The screen goes
// back to the field, where it still stands.
func TestServerGoneWithPassword(t *testing.T) {
	r := enter(t)
	r.identify(camille)
	r.touch(camille.password)
	r.settle()
	at := r.stopService()
	r.tap("SE CONNECTER")
	r.on("trouble")
	lost := r.lastOutcome()
	r.see(troubleScreen(lost, false))
	r.serve(at)
	before := len(r.requests("/challenge"))
	r.on("password") // after its wait, by itself
	r.see(passwordScreen(camille, fault("error.password.unsent", 0)))
	r.press(hands.Return) // what was typed is still there
	r.connect()
	if sent := r.requests("/challenge")[before:]; len(sent) != 1 || sent[0].Error != "ok" {
		t.Errorf("after the service came back it was asked %+v, want one password, right", sent)
	}
}

// TestServerGoneWithCode: the same for a code, whose time runs on meanwhile.
func TestServerGoneWithCode(t *testing.T) {
	r := enter(t)
	r.identify(hugo)
	r.askCode()
	code := r.code(hugo.address, 1)
	r.see(codeScreen(hugo))
	r.touch(code)
	r.settle()
	at := r.stopService()
	r.press(hands.Return)
	r.on("trouble")
	r.serve(at)
	r.on("code")
	r.see(codeScreen(hugo, fault("error.code.unsent", 0)))
	r.press(hands.Return)
	r.connect()
}

// lastOutcome waits for the next outcome, whichever it is.
func (r *room) lastOutcome() identity.Kind {
	r.t.Helper()
	var kind string
	r.await(patience, "an outcome", func(e event) bool { kind = e.Kind; return e.Msg == "outcome" })
	for k := identity.Kind(1); k.String() != ""; k++ {
		if k.String() == kind {
			return k
		}
	}
	r.t.Fatalf("%q is no kind of failure", kind)
	return 0
}
