package kiosk

import (
	"testing"
	"testing/synctest"
	"time"

	"portillon/internal/login"
)

// TestMoments: what has a moment of its own comes then, and not with the tick after it.
func TestMoments(t *testing.T) {
	const little = 10 * time.Millisecond
	synctest.Test(t, func(t *testing.T) {
		r := open(t, setup{})
		r.pass(300 * time.Millisecond)
		r.do(login.RetryNow{}) // the checks once more, between two ticks
		r.pass(2*time.Second - little)
		r.on(login.ScreenPreflight)
		r.pass(2 * little)
		r.on(login.ScreenEmail)

		r.fake.SetDown(true)
		r.pass(70 * time.Millisecond)
		r.do(login.Insert{Text: address}, login.SubmitEmail{})
		wait := r.on(login.ScreenTrouble).Trouble.RetryIn
		if wait < 1 {
			t.Fatalf("a wait of %d s", wait)
		}
		r.fake.SetDown(false)
		r.pass(time.Duration(wait) * time.Second) // rounded up
		r.on(login.ScreenPassword)

		r.pass(450 * time.Millisecond)
		r.do(login.RequestCode{})
		r.pass(3*time.Minute - little)
		if v := r.on(login.ScreenCode); v.Code.Left.Stage != login.StageRed {
			t.Fatalf("before its end: %+v", v.Code.Left)
		}
		r.pass(2 * little)
		if v := r.on(login.ScreenCode); v.Code.Left.Stage != login.StageExpired || v.Error == nil || v.Error.Key != "error.code.expired" {
			t.Fatalf("at its end: %+v, %+v", v.Code.Left, v.Error)
		}

		r.pass(170 * time.Millisecond)
		r.do(login.Back{}, login.SubmitPassword{Secret: secret(t, password)})
		r.on(login.ScreenConnected)
		r.pass(5*time.Second - little)
		if r.sup.said() != "" {
			t.Fatal("handed over before the student could say «Ce n’est pas moi»")
		}
		r.pass(2 * little)
		if r.sup.said() != "start" {
			t.Fatalf("after 5 s the supervisor was asked to: %q", r.sup.said())
		}
	})
}
