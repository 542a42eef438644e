package keyboard_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"portillon/internal/ui/keyboard"
)

func TestOnlyBackspaceRepeats(t *testing.T) {
	test.NewTempApp(t)
	synctest.Test(t, func(t *testing.T) {
		k, out := docked(keyboard.LayoutEmail, landscape)
		hold := func(key string, d time.Duration) string {
			p := where(t, k, key)
			k.FingerDown(1, p)
			time.Sleep(d)
			synctest.Wait()
			k.FingerUp(1, p)
			time.Sleep(time.Second)
			synctest.Wait()
			return out.take()
		}
		for _, key := range []string{"a", "@", "1"} {
			if got := hold(key, 5*time.Second); got != key {
				t.Errorf("%s held types %q", key, got)
			}
		}
		if got := hold("return", 5*time.Second); got != "submit" {
			t.Errorf("Return held says %q", got)
		}
		if got := hold("backspace", 499*time.Millisecond); got != "backspace" {
			t.Errorf("within half a second Backspace says %q", got)
		}
		want := strings.TrimSpace(strings.Repeat("backspace ", 1+1+4))
		if got := hold("backspace", 701*time.Millisecond); got != want {
			t.Errorf("700 ms of Backspace say %q", got)
		}
		// Another key ends it.
		p := where(t, k, "backspace")
		k.FingerDown(1, p)
		tap(t, k, "a")
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if got := out.take(); got != "backspace a" {
			t.Errorf("Backspace under another finger says %q", got)
		}
		// So does a layout that goes.
		k.FingerDown(2, p)
		k.SetLayout(keyboard.LayoutNone)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if got := out.take(); got != "backspace" {
			t.Errorf("Backspace of a keyboard that went says %q", got)
		}
	})
}

func TestLongPress(t *testing.T) {
	test.NewTempApp(t)
	synctest.Test(t, func(t *testing.T) {
		k, out := docked(keyboard.LayoutPassword, landscape)
		e := where(t, k, "e")
		hold := func(p fyne.Position) {
			k.FingerDown(1, p)
			time.Sleep(keyboard.LongPress + time.Millisecond)
			synctest.Wait()
		}
		above := e.SubtractXY(0, 60)
		check := func(what, want string) {
			t.Helper()
			if got := out.take(); got != want {
				t.Errorf("%s: %q, want %q", what, got, want)
			}
		}
		hold(e)
		k.FingerMove(1, above) // the five accents stand centred above the key
		k.FingerUp(1, above)
		check("sliding to the third accent", "e e>ê")

		hold(e)
		k.FingerUp(1, e)
		k.FingerDown(2, above.SubtractXY(112, 0))
		k.FingerUp(2, above.SubtractXY(112, 0))
		check("letting go, then touching the first", "e e>é")

		hold(e)
		k.FingerUp(1, e)
		tap(t, k, "r")
		check("letting go, then another key", "e r")

		hold(e)
		tap(t, k, "r") // another finger ends it
		k.FingerMove(1, above)
		k.FingerUp(1, above)
		check("another finger meanwhile", "e r")

		k.FingerDown(1, e)
		time.Sleep(keyboard.LongPress - time.Millisecond)
		k.FingerUp(1, e)
		time.Sleep(time.Second)
		synctest.Wait()
		tap(t, k, "3")
		check("a shorter press", "e 3")

		tap(t, k, "shift")
		hold(e)
		k.FingerMove(1, above.SubtractXY(112, 0))
		k.FingerUp(1, above.SubtractXY(112, 0))
		check("with Shift", "touched E E>É")

		hold(where(t, k, "1"))
		k.FingerUp(1, where(t, k, "1").SubtractXY(20, 60))
		check("a digit's popup reaches above the keyboard", "1 1>&")
	})
}
