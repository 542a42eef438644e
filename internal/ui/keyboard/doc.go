// Package keyboard is the on-screen keyboard: AZERTY for the e-mail and the
// password, a pad for the code. It knows no field: whoever owns it is its Output.
//
// A finger's way, which the mouse (finger 0) and internal/ui/touch share:
//
//	FingerDown ─→ KeyAt (nearest key; gaps belong to somebody) ─→ Output, at once
//	    │             ├─ a character with accents: 450 ms later its popup opens
//	    │             └─ Backspace: 500 ms later it repeats, every 50 ms
//	FingerMove ─→ chooses in the popup
//	FingerUp   ─→ takes the choice; without one the popup stays, to be touched
//
// Every finger has its own state, and a key acts when it goes down. Two thumbs
// that overlap therefore lose nothing and keep their order. The keys are data
// (layouts.go). Nothing but characters, Backspace and Return leaves the keyboard:
// there is no Ctrl, Alt, Super or function key to emit.
//
// It is a widget of a fixed set of drawn things, given new places and words when
// the layout changes; a key going down refreshes one rectangle.
//
// All methods belong to the UI goroutine.
package keyboard
