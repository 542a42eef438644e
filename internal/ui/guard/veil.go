package guard

import (
	"fmt"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/shape"
	"github.com/jezek/xgb/xproto"
)

// Veil decides whether a window of ours is touched, or whatever the server has below it. Under cage and
// Xwayland that is where the exam player is: the compositor shows the newest window in front, and leaves
// it the lowest for the X server (measured with cage 0.1.4 and 0.2.0: xwininfo -tree lists it last), which
// gives touches and clicks to the uppermost. Nobody may raise a window there; a window may have no place
// to be touched, though.
type Veil struct {
	c      *xgb.Conn
	window xproto.Window
	shared bool // the connection is a guard's
}

// NewVeil connects to a display for a window of this process. It fails where there is no such display, or
// where its server has no shapes of input (SHAPE 1.1).
func NewVeil(display string, window uint32) (*Veil, error) {
	c, err := xgb.NewConnDisplay(display)
	if err != nil {
		return nil, fmt.Errorf("veil: display %q: %w", display, err)
	}
	v, err := veil(c, xproto.Window(window))
	if err != nil {
		c.Close()
	}
	return v, err
}

// Veil is one for the guarded window, as NewVeil makes it, on the guard's own connection.
func (g *Guard) Veil() (*Veil, error) {
	v, err := veil(g.c, g.window)
	if err == nil {
		v.shared = true
	}
	return v, err
}

func veil(c *xgb.Conn, window xproto.Window) (*Veil, error) {
	if err := shape.Init(c); err != nil {
		return nil, fmt.Errorf("veil: %w", err)
	}
	return &Veil{c: c, window: window}, nil
}

// Through lets touches and clicks through the window to what is below (on), or to the window again. It
// fails with a wrapped xproto.WindowError where the window is gone.
func (v *Veil) Through(on bool) error {
	var err error
	if on { // no rectangle at all is the whole of where it is touched
		err = shape.RectanglesChecked(v.c, shape.SoSet, shape.SkInput, xproto.ClipOrderingUnsorted, v.window, 0, 0, nil).Check()
	} else {
		err = shape.MaskChecked(v.c, shape.SoSet, shape.SkInput, v.window, 0, 0, xproto.PixmapNone).Check()
	}
	if err != nil {
		return fmt.Errorf("veil: %w", err)
	}
	return nil
}

// Close ends the connection, if it is the veil's own; the window stays as it is.
func (v *Veil) Close() {
	if !v.shared {
		v.c.Close()
	}
}
