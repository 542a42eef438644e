// Package guard keeps the tablet's window in front of everything on its display:
// full-screen, uncovered, mapped, with the keyboard. No program but ours should ever
// be on that display; this is the layer behind the layers that see to it.
//
//	somebody else's request ─→ X server ─→ event ─→ look: what stands where?
//	                                                  │ something is wrong
//	                                   Incident ←─────┤
//	                                                  └─→ put right, look again
//
// What an event says is not trusted, only taken as a reason to look: the tree of windows,
// the geometry and the focus are asked of the server, and compared with what they
// should be. So no sequence of requests can talk the guard into a wrong state, and an
// event that is lost costs nothing, the next one will do. Looks that find something
// wrong are followed by another, after a pause that grows to a second: a client that
// fights cannot make the guard burn the processor. One that has been in front ten
// times is disconnected from the server.
//
// The exam player is such a program, and welcome while it runs: Aside(true) lets it.
// Aside(false) looks at once, so that whatever it left behind is covered.
//
// How: a second connection to the server, with the core protocol and X-Resource. The toolkit's
// own cannot be used: what GLFW selects is its own business, and Xlib's error handler
// would end the process for a window that went away meanwhile.
//
// X has no protection between its clients: whoever is connected can hear what is typed, see what
// is drawn, and keep keyboard or pointer to himself, without a window and without an event. So
// nobody else may be connected. Once a second the guard has the server list its clients (X-Resource
// 1.2), and has it disconnect those that are neither ours, nor the window manager's, nor of a
// process that started us:
//
//	stranger ─→ Incident ─→ disconnected after a second, at once if he has grabbed anything
//	                           └─ cannot be: ErrOccupied, the process ends and what was typed
//	                              with it; the next says Occupied, and no login is shown
//	                                 └─ he leaves: ErrVacated, and the next starts as ever
//
// What it cannot do: undo what was heard within that second. No such client can be started; that is
// the sealing's work, and the image's.
//
// cmd/portillon opens it when its window is shown and before the process is sealed, and
// logs the incidents. References: X11 protocol, release 7.7; ICCCM 2.0,
// section 4; X-Resource 1.2 (resproto.txt).
package guard
