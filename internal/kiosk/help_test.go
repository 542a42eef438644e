package kiosk

import (
	"testing"
	"testing/synctest"
	"time"

	"portillon/internal/login"
	"portillon/internal/procedure"
)

// TestNextUpdate: procedure 3 counts down to the next update, second by second, and
// moves on to the one after it by itself.
func TestNextUpdate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := open(t, setup{})
		r.toPassword()
		r.do(login.Typed{Field: login.FieldPassword, N: 4}, login.OpenHelp{}, login.HelpTo{Step: procedure.Add})
		for range 2*int(procedure.Slot/time.Second) + 30 {
			now := time.Now()
			slot := procedure.NextSlot(now)
			h := r.on(login.ScreenHelp).Help
			left := int(slot.Sub(now) / time.Second)
			// A second may not have been told yet, right after it began.
			if got := h.NextSlot.Seconds; got < left || got > left+1 {
				t.Fatalf("at %s: %d seconds left, want %d", now.Format(time.TimeOnly), got, left)
			}
			if h.SlotHour != slot.Hour() || h.SlotMinute != slot.Minute() {
				t.Fatalf("at %s the next update is at %d:%d", now.Format(time.TimeOnly), h.SlotHour, h.SlotMinute)
			}
			r.do(login.Touched{}) // somebody is there
			r.pass(time.Second)
		}
		h := r.look().Help
		if last := procedure.NextSlot(time.Now()).Add(-procedure.Slot); !h.Passed || h.PassedHour != last.Hour() || h.PassedMinute != last.Minute() {
			t.Errorf("after two updates: %+v", h)
		}
		r.do(login.CloseHelp{Goal: procedure.GoalScreen})
		if v := r.on(login.ScreenPassword); v.Password.Typed != 4 {
			t.Errorf("what was typed is gone: %+v", v.Password)
		}
	})
}
