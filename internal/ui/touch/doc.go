// Package touch reads real multi-touch from X11, which Fyne does not: GLFW sees
// only the pointer that the server emulates for the first finger, and of two thumbs
// that overlap it loses the second.
//
// How: a second connection to the server puts an input-only window, a child of
// ours, over the keyboard and selects XInput 2.2 touch events on it.
//
//	finger ─→ X server ─┬─ over the keyboard: TouchBegin/Update/End to this package,
//	                    │  each finger by itself, and no emulated pointer
//	                    └─ elsewhere: emulated pointer to GLFW, as ever
//
// It also hides the pointer while fingers are what moves it (pointer.go).
//
// Why a window, and not raw events on the root: a touch is delivered once, to the
// deepest window that wants it, so no finger can be typed twice and nothing has to
// be matched up between two connections; coordinates come in pixels of that window,
// whatever the screen's rotation or calibration; and only the keyboard's touches are
// seen. A mouse click passes through to the window below, since the child asks for
// no pointer events.
//
// Why no Xlib: its error handlers end the process, and no Go library reads XInput 2;
// what is needed of the protocol is eleven requests (x11.go). References: X11
// protocol, release 7.7, XI2proto.txt 2.2
// and fixesproto.txt 4.
//
// cmd/portillon opens it, after the window is shown and before the process is
// sealed, and passes events to keyboard.Keyboard on the UI goroutine. Where it fails
// (no X11, no XInput 2.2) the emulated pointer still types, one finger at a time.
package touch
