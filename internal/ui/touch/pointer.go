package touch

import "errors"

// pointer hides the arrow while a finger is what moves it. Who uses a mouse sees it again.
//
//	a finger touches anything ─→ hidden          a mouse moves ─→ shown
//
// The server tells both as raw events, wherever they happen and whoever they are for. It does not
// tell of the motion that it emulates for a finger.
type pointer struct {
	fixes  byte // XFixes' major opcode; 0 where the server has none
	hidden bool
}

// XFixes 4 (fixesproto.txt) and the raw events of XInput 2.2.
const (
	fixesQueryVersion = 0
	fixesHideCursor   = 29
	fixesShowCursor   = 30

	xiRawMotion     = 17
	xiRawTouchBegin = 22
)

// hidePointer begins with no arrow: a tablet has no mouse until one moves. A server without XFixes
// keeps its arrow, which does no harm.
func (l *Listener) hidePointer() error {
	fixes, err := l.c.extension("XFIXES")
	if errors.Is(err, ErrUnsupported) {
		return nil
	} else if err != nil {
		return err
	}
	if err := l.c.send(fixes, fixesQueryVersion, 4, 0); err != nil {
		return err
	}
	if _, err := l.c.reply(); err != nil {
		return err
	}
	l.pointer.fixes = fixes
	return l.showPointer(false)
}

// showPointer shows or hides the arrow, and asks to be told of what may change that: of a mouse's
// motion, which is told a thousand times a second, only while it does.
func (l *Listener) showPointer(on bool) error {
	const allMasters = 1
	root, request, mask := l.c.roots[0], byte(fixesHideCursor), uint32(1<<xiRawTouchBegin|1<<xiRawMotion)
	if on {
		request, mask = fixesShowCursor, 1<<xiRawTouchBegin
	}
	l.pointer.hidden = !on
	return errors.Join(l.c.send(l.pointer.fixes, request, root),
		l.c.send(l.xi, xiSelectEvents, root, 1, allMasters|1<<16, mask))
}

// follow shows or hides the arrow after a raw event. It is for the listener's own goroutine.
func (l *Listener) follow(b []byte) error {
	if l.pointer.fixes == 0 || b[0]&^sentEvent != msgGeneric || b[atExtension] != l.xi {
		return nil
	}
	switch kind := le.Uint16(b[atEventType:]); {
	case kind == xiRawTouchBegin && !l.pointer.hidden, kind == xiRawMotion && l.pointer.hidden:
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.showPointer(l.pointer.hidden)
	}
	return nil
}
