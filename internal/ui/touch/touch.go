package touch

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// Kind is what a finger does.
type Kind int

// The kinds. Every Begin is followed by exactly one End, but where the connection
// breaks.
const (
	Begin Kind = iota
	Update
	End
)

func (k Kind) String() string { return [...]string{"begin", "update", "end"}[k] }

// Event is one finger's doing.
type Event struct {
	// ID is the finger's from Begin to End; never 0, which is the mouse's.
	ID   int
	Kind Kind
	// X and Y are in pixels from the parent window's upper left corner.
	X, Y float32
}

// Listener is an input-only window over a part of another window.
type Listener struct {
	c      *conn
	window uint32
	xi     byte
	emit   func(Event)

	pointer pointer
	echo    chan struct{} // takes one answer of the server's to Sync

	mu     sync.Mutex
	x, y   int16 // of the area; events are relative to it
	mapped bool
	closed bool

	done chan struct{}
	err  error // written before done is closed
}

// setupTime bounds the conversation before Listen returns.
const setupTime = 3 * time.Second

// Listen prepares to listen over window, an X11 window of a local display such as
// ":0". Nothing is heard before SetArea. emit is called on the listener's own
// goroutine, one event at a time.
//
// It fails with ErrUnsupported where there is no such display or no multi-touch, and
// with a *ServerError where the server knows no such window.
func Listen(display string, window uintptr, emit func(Event)) (*Listener, error) {
	c, err := dial(display, time.Now().Add(setupTime))
	if err != nil {
		return nil, err
	}
	l := &Listener{c: c, emit: emit, echo: make(chan struct{}, 1), done: make(chan struct{})}
	if err := l.create(uint32(window)); err != nil {
		return nil, errors.Join(fmt.Errorf("touch window: %w", err), c.Close())
	}
	go l.run()
	return l, nil
}

// create makes the window, unmapped, and selects touch on it.
func (l *Listener) create(parent uint32) (err error) {
	if l.xi, err = l.c.xinput(); err != nil {
		return err
	}
	const (
		inputOnly  = 2
		allMasters = 1
		touchMask  = 1<<xiTouchBegin | 1<<xiTouchUpdate | 1<<xiTouchEnd
	)
	l.window = l.c.id()
	if err := l.c.send(opCreateWindow, 0, l.window, parent, 0, 1|1<<16, inputOnly<<16, 0, 0); err != nil {
		return err
	}
	if err := l.c.send(l.xi, xiSelectEvents, l.window, 1, allMasters|1<<16, touchMask); err != nil {
		return err
	}
	if err := l.c.sync(); err != nil { // here an unknown parent shows
		return err
	}
	if err := l.hidePointer(); err != nil {
		return err
	}
	return l.c.SetDeadline(time.Time{})
}

// Window is the listener's own X11 window, a child of the one it was given.
func (l *Listener) Window() uint32 { return l.window }

// SetArea says where to listen, in pixels of the parent window; an empty area
// listens nowhere. Fingers that are down keep being followed.
func (l *Listener) SetArea(x, y, w, h int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return net.ErrClosed
	}
	if w <= 0 || h <= 0 {
		if !l.mapped {
			return nil
		}
		l.mapped = false
		return l.c.send(opUnmapWindow, 0, l.window)
	}
	const xywhAndStack, above = 0xf | 1<<6, 0
	l.x, l.y = int16(x), int16(y)
	err := l.c.send(opConfigureWindow, 0, l.window, xywhAndStack,
		uint32(int32(x)), uint32(int32(y)), uint32(w), uint32(h), above)
	if err != nil || l.mapped {
		return err
	}
	l.mapped = true
	return l.c.send(opMapWindow, 0, l.window)
}

// ErrLate: the server did not answer in time.
var ErrLate = errors.New("touch: the display does not answer")

// Sync returns once emit was called for every touch that the server saw before: what comes by another
// connection may have overtaken it. It fails with ErrLate after limit, and when the listener has ended.
// One goroutine may call it at a time; emit must not.
func (l *Listener) Sync(limit time.Duration) error {
	select {
	case <-l.echo: // of one that was late
	default:
	}
	l.mu.Lock()
	err := net.ErrClosed
	if !l.closed {
		err = l.c.send(opGetInputFocus, 0)
	}
	l.mu.Unlock()
	if err != nil {
		return fmt.Errorf("touch: %w", err)
	}
	late := time.NewTimer(limit)
	defer late.Stop()
	select {
	case <-l.echo:
		return nil
	case <-late.C:
		return ErrLate
	case <-l.done:
		return fmt.Errorf("touch: %w", net.ErrClosed)
	}
}

// Close takes the window away. No event comes after it has returned; emit must not
// call it.
func (l *Listener) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	l.closed = true
	err := l.c.Close() // the server destroys the window of a client that leaves
	l.mu.Unlock()
	<-l.done
	return err
}

// Done is closed when the listener has ended; Err then tells why. The caller lifts
// the fingers that are still down.
func (l *Listener) Done() <-chan struct{} { return l.done }

// Err is why the listener ended: nil after Close. It is for after Done.
func (l *Listener) Err() error {
	<-l.done
	return l.err
}

func (l *Listener) run() {
	defer close(l.done)
	for {
		b, err := l.c.read()
		if err == nil {
			err = l.follow(b)
		}
		if err != nil {
			l.mu.Lock()
			defer l.mu.Unlock()
			if !l.closed {
				l.closed = true
				l.err = errors.Join(fmt.Errorf("touch: %w", err), l.c.Close())
			}
			return
		}
		if e, ok := l.decode(b); ok {
			l.emit(e)
		}
		if b[0] == msgReply {
			select {
			case l.echo <- struct{}{}:
			default: // nobody waits any more
			}
		}
	}
}

// Touch events (XI2proto.h) and the offsets of what is read of them.
const (
	xiTouchBegin  = 18
	xiTouchUpdate = 19
	xiTouchEnd    = 20

	atExtension = 1
	atEventType = 8
	atDetail    = 16
	atWindow    = 24
	atX         = 40 // 16.16 fixed point
	atY         = 44
	atSource    = 52
	touchSize   = 54
)

func (l *Listener) decode(b []byte) (Event, bool) {
	if b[0]&^sentEvent != msgGeneric || b[atExtension] != l.xi || len(b) < touchSize || le.Uint32(b[atWindow:]) != l.window {
		return Event{}, false
	}
	kind := Kind(le.Uint16(b[atEventType:])) - xiTouchBegin
	if kind < Begin || kind > End {
		return Event{}, false
	}
	fixed := func(at int) float32 { return float32(int32(le.Uint32(b[at:]))) / (1 << 16) }
	l.mu.Lock()
	defer l.mu.Unlock()
	return Event{
		// Ids are a device's own; devices have theirs from 2 on.
		ID:   int(le.Uint16(b[atSource:]))<<32 | int(le.Uint32(b[atDetail:])),
		Kind: kind,
		X:    fixed(atX) + float32(l.x),
		Y:    fixed(atY) + float32(l.y),
	}, true
}
