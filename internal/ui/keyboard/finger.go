package keyboard

import (
	"time"

	"fyne.io/fyne/v2"
)

// How long a finger stays before more happens.
const (
	LongPress   = 450 * time.Millisecond
	RepeatAfter = 500 * time.Millisecond
	RepeatEvery = 50 * time.Millisecond
)

// settle is two of the toolkit's ticks: on a screen that is not behind, it has read every event
// that came before.
const settle = time.Second / 30

// afterEvents calls f on the UI goroutine, which do is the way to, after d. Where a drawing took long
// that goroutine has both a timer and the end of a touch to look at, and the toolkit takes either first: a
// short touch would be a long one. So the timer looks twice, and between the two whatever waited is read.
func afterEvents(do func(func()), d time.Duration, f func()) (stop func()) {
	stopped := false // the UI goroutine's
	unlessStopped := func(f func()) func() {
		return func() {
			if !stopped {
				f()
			}
		}
	}
	again := func() { time.AfterFunc(settle, func() { do(unlessStopped(f)) }) }
	first := time.AfterFunc(d-settle, func() { do(unlessStopped(again)) })
	return func() {
		stopped = true
		first.Stop()
	}
}

// finger is one finger that is down.
type finger struct {
	key   int    // index in Keyboard.keys; -1: on none any more
	act   action // of that key, kept when the layer changes under the finger
	typed rune   // actRune: what it typed
	stop  func() // its timer; may be nil
	chord bool   // actShift: something was typed while it was held
}

func (f *finger) halt() {
	if f.stop != nil {
		f.stop()
		f.stop = nil
	}
}

// shiftState is off, for one character, or until touched again.
type shiftState int

const (
	shiftOff shiftState = iota
	shiftOnce
	shiftLocked
)

// FingerDown is a finger that comes down at pos, relative to the keyboard. The mouse
// is finger 0; others have any id of their own.
func (k *Keyboard) FingerDown(id int, pos fyne.Position) {
	if _, down := k.fingers[id]; down { // its end was lost
		k.lift(id)
	}
	// Whoever held a key has gone on to the next one: no accents, no repetition.
	for _, f := range k.fingers {
		f.halt()
	}
	if k.popup != nil {
		if i := k.popup.at(pos); i >= 0 {
			k.fingers[id] = &finger{key: -1}
			k.choose(i)
			return
		}
		k.closePopup()
	}
	i := nearest(k.keys, pos)
	if i < 0 {
		k.out.Touched()
		return
	}
	f := &finger{key: i, act: k.keys[i].act}
	k.fingers[id] = f
	k.paint(i)
	k.press(id, f, k.keys[i].key)
}

// press does what the key does. f is registered already: out may call back.
func (k *Keyboard) press(id int, f *finger, pressed key) {
	switch pressed.act {
	case actRune:
		f.typed = k.runeOf(&pressed)
		if len(pressed.more) > 0 {
			more := k.moreOf(&pressed)
			f.stop = k.after(LongPress, func() { k.openPopup(id, f, more) })
		}
		k.spendShift()
		k.out.Rune(f.typed)
	case actText:
		k.out.Text(pressed.text)
	case actBackspace:
		k.repeat(f, RepeatAfter)
		k.out.Backspace()
	case actSubmit:
		k.out.Submit()
	case actShift:
		k.setShift((k.shift + 1) % 3)
		k.out.Touched()
	case actLayer:
		k.layer = pressed.to
		k.forgetKeys()
		k.arrange()
		k.BaseWidget.Refresh()
		k.out.Touched()
	}
}

func (k *Keyboard) repeat(f *finger, d time.Duration) {
	f.stop = k.after(d, func() {
		if f.stop == nil { // halted while the timer was on its way
			return
		}
		k.repeat(f, RepeatEvery)
		k.out.Backspace()
	})
}

// FingerMove follows a finger that is down; it matters to the popup alone.
func (k *Keyboard) FingerMove(id int, pos fyne.Position) {
	if k.popup != nil && k.popup.owner == id && k.fingers[id] != nil {
		k.hover(k.popup.at(pos))
	}
}

// FingerUp ends a finger.
func (k *Keyboard) FingerUp(id int, pos fyne.Position) {
	if k.fingers[id] == nil {
		return
	}
	if k.popup != nil && k.popup.owner == id {
		if i := k.popup.at(pos); i >= 0 {
			k.choose(i)
		} else {
			k.popup.owner = nobody // stays, to be touched
		}
	}
	k.lift(id)
}

// lift forgets a finger and what waits for it.
func (k *Keyboard) lift(id int) {
	f := k.fingers[id]
	f.halt()
	delete(k.fingers, id)
	k.paint(f.key)
	if f.act == actShift && f.chord {
		k.setShift(shiftOff)
	}
}

// Release lifts every finger, without a choice: the keyboard is going away.
func (k *Keyboard) Release() {
	k.closePopup()
	for id := range k.fingers {
		k.lift(id)
	}
}

// forgetKeys leaves the fingers down, but on no key: the keys are changing.
func (k *Keyboard) forgetKeys() {
	for _, f := range k.fingers {
		f.halt()
		f.key = -1
	}
}

// spendShift ends a Shift for one character. A Shift that is still held is
// instead noted as used, and ends when it is lifted.
func (k *Keyboard) spendShift() {
	for _, f := range k.fingers {
		if f.act == actShift {
			f.chord = true
			return
		}
	}
	if k.shift == shiftOnce {
		k.setShift(shiftOff)
	}
}

func (k *Keyboard) setShift(s shiftState) {
	if s == k.shift {
		return
	}
	k.shift = s
	k.relabel()
}

func (k *Keyboard) runeOf(key *key) rune {
	if k.shift != shiftOff {
		return key.upper
	}
	return key.lower
}

func (k *Keyboard) moreOf(key *key) []rune {
	out := make([]rune, len(key.more))
	for i, r := range key.more {
		if k.shift != shiftOff {
			r = raise(r)
		}
		out[i] = r
	}
	return out
}

// pressed reports whether a finger is on the i-th key.
func (k *Keyboard) pressed(i int) bool {
	for _, f := range k.fingers {
		if f.key == i {
			return true
		}
	}
	return false
}
