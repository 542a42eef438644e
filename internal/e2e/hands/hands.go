// Package hands is a person in front of an X display: it taps, types on a French
// hardware keyboard and looks at the screen, through the XTEST extension. Tests and
// benchmarks drive the built programs with it.
package hands

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"slices"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
	"github.com/jezek/xgb/xtest"
)

// ErrNoKey: the keyboard has no key for a symbol.
var ErrNoKey = errors.New("no such key")

// X keysyms of the keys that are no characters.
const (
	Return    = 0xff0d
	Escape    = 0xff1b
	Tab       = 0xff09
	BackSpace = 0xff08
	Delete    = 0xffff
	Left      = 0xff51
	Right     = 0xff53
	Home      = 0xff50
	End       = 0xff57
	F1        = 0xffbe
	Menu      = 0xff67
	ShiftL    = 0xffe1
	ControlL  = 0xffe3
	AltL      = 0xffe9
	SuperL    = 0xffeb
	AltGr     = 0xfe03 // ISO_Level3_Shift

	DeadCircumflex = 0xfe52
	DeadDiaeresis  = 0xfe57
)

// Hands hold one connection to a display.
type Hands struct {
	conn *xgb.Conn
	root xproto.Window
	size image.Point
	keys map[uint32]stroke
}

// stroke is how a keysym is typed: the key, with Shift, with AltGr.
type stroke struct {
	code         xproto.Keycode
	shift, altGr bool
}

// Open connects to a display such as ":7". The keyboard's layout is the one in
// force then.
func Open(display string) (*Hands, error) {
	conn, err := xgb.NewConnDisplay(display)
	if err != nil {
		return nil, fmt.Errorf("display %s: %w", display, err)
	}
	if err := xtest.Init(conn); err != nil {
		conn.Close()
		return nil, fmt.Errorf("XTEST: %w", err)
	}
	setup := xproto.Setup(conn)
	screen := setup.DefaultScreen(conn)
	h := &Hands{conn: conn, root: screen.Root, keys: map[uint32]stroke{},
		size: image.Pt(int(screen.WidthInPixels), int(screen.HeightInPixels))}
	if err := h.learn(setup); err != nil {
		conn.Close()
		return nil, err
	}
	return h, nil
}

// learn reads the layout. In the core view of an XKB layout, columns 0 and 1 are the
// plain and shifted symbols, 4 and 5 those of AltGr.
func (h *Hands) learn(setup *xproto.SetupInfo) error {
	n := byte(setup.MaxKeycode - setup.MinKeycode + 1)
	m, err := xproto.GetKeyboardMapping(h.conn, setup.MinKeycode, n).Reply()
	if err != nil {
		return fmt.Errorf("keyboard mapping: %w", err)
	}
	per := int(m.KeysymsPerKeycode)
	for _, column := range []int{5, 4, 1, 0} { // the simplest stroke wins
		if column >= per {
			continue
		}
		for i := range int(n) {
			if sym := uint32(m.Keysyms[i*per+column]); sym != 0 {
				h.keys[sym] = stroke{code: setup.MinKeycode + xproto.Keycode(i), shift: column%2 == 1, altGr: column >= 4}
			}
		}
	}
	return nil
}

// ErrNoRoom: every key of the keyboard has a symbol already.
var ErrNoRoom = errors.New("no key without a symbol")

// Teach gives keysyms that the layout has no key for, such as a direction mark's, keys that had none.
// Programs that run by then are told. It fails with ErrNoRoom.
func (h *Hands) Teach(syms ...uint32) error {
	setup := xproto.Setup(h.conn)
	n := byte(setup.MaxKeycode - setup.MinKeycode + 1)
	m, err := xproto.GetKeyboardMapping(h.conn, setup.MinKeycode, n).Reply()
	if err != nil {
		return fmt.Errorf("keyboard mapping: %w", err)
	}
	per := int(m.KeysymsPerKeycode)
	for i := int(n) - 1; i >= 0 && len(syms) > 0; i-- { // from the end: real keyboards are at the beginning
		if slices.ContainsFunc(m.Keysyms[i*per:(i+1)*per], func(s xproto.Keysym) bool { return s != 0 }) {
			continue
		}
		code := setup.MinKeycode + xproto.Keycode(i)
		both := []xproto.Keysym{xproto.Keysym(syms[0]), xproto.Keysym(syms[0])} // with Shift too
		if err := xproto.ChangeKeyboardMappingChecked(h.conn, 1, code, 2, both).Check(); err != nil {
			return fmt.Errorf("keyboard mapping: %w", err)
		}
		h.keys[syms[0]] = stroke{code: code}
		syms = syms[1:]
	}
	if len(syms) > 0 {
		return ErrNoRoom
	}
	return nil
}

// Close lets go of the display.
func (h *Hands) Close() { h.conn.Close() }

// Size is the display's size in pixels.
func (h *Hands) Size() image.Point { return h.size }

func (h *Hands) fake(kind byte, detail byte, x, y int) error {
	return xtest.FakeInputChecked(h.conn, kind, detail, 0, h.root, int16(x), int16(y), 0).Check()
}

// Move puts the pointer somewhere.
func (h *Hands) Move(x, y int) error { return h.fake(xproto.MotionNotify, 0, x, y) }

// Down and Up press and release a pointer button (1: a finger) where the pointer is.
func (h *Hands) Down(button byte) error { return h.fake(xproto.ButtonPress, button, 0, 0) }
func (h *Hands) Up(button byte) error   { return h.fake(xproto.ButtonRelease, button, 0, 0) }

// Tap touches one point.
func (h *Hands) Tap(x, y int) error {
	return errors.Join(h.Move(x, y), h.Down(1), h.Up(1))
}

// Hold and Release press and release the key of a keysym.
func (h *Hands) Hold(sym uint32) error    { return h.key(xproto.KeyPress, sym) }
func (h *Hands) Release(sym uint32) error { return h.key(xproto.KeyRelease, sym) }

func (h *Hands) key(kind byte, sym uint32) error {
	s, ok := h.keys[sym]
	if !ok {
		return fmt.Errorf("%w: keysym %#x", ErrNoKey, sym)
	}
	return xtest.FakeInputChecked(h.conn, kind, byte(s.code), keyPace, h.root, 0, 0, 0).Check()
}

// keyPace is the milliseconds before each key event. Toolkits take two presses of one
// key in the same millisecond for one (GLFW does: input methods repeat events).
const keyPace = 1

// Press types keys one after the other, each with the Shift or AltGr it needs.
func (h *Hands) Press(syms ...uint32) error {
	for _, sym := range syms {
		s, ok := h.keys[sym]
		if !ok {
			return fmt.Errorf("%w: keysym %#x", ErrNoKey, sym)
		}
		var held []uint32
		if s.shift {
			held = append(held, ShiftL)
		}
		if s.altGr {
			held = append(held, AltGr)
		}
		if err := h.Chord(held, sym); err != nil {
			return err
		}
	}
	return nil
}

// Chord types one key while others are held.
func (h *Hands) Chord(held []uint32, sym uint32) error {
	var errs []error
	for _, m := range held {
		errs = append(errs, h.Hold(m))
	}
	errs = append(errs, h.Hold(sym), h.Release(sym))
	for i := len(held) - 1; i >= 0; i-- {
		errs = append(errs, h.Release(held[i]))
	}
	return errors.Join(errs...)
}

// Type types text on the hardware keyboard.
func (h *Hands) Type(text string) error {
	for _, r := range text {
		if err := h.Press(symOf(r)); err != nil {
			return fmt.Errorf("a character of the text: %w", err)
		}
	}
	return nil
}

// symOf is the keysym of a character: its own number in Latin-1, otherwise the
// Unicode range (X protocol appendix A).
func symOf(r rune) uint32 {
	switch {
	case r == '€':
		return 0x20ac
	case r < 0x100:
		return uint32(r)
	}
	return 0x01000000 | uint32(r)
}

// Look is what the display shows, in its present size.
func (h *Hands) Look() (*image.RGBA, error) {
	now, err := xproto.GetGeometry(h.conn, xproto.Drawable(h.root)).Reply()
	if err != nil {
		return nil, fmt.Errorf("screenshot: %w", err)
	}
	r := image.Rect(0, 0, int(now.Width), int(now.Height))
	got, err := xproto.GetImage(h.conn, xproto.ImageFormatZPixmap, xproto.Drawable(h.root),
		0, 0, uint16(r.Dx()), uint16(r.Dy()), 0xffffffff).Reply()
	if err != nil {
		return nil, fmt.Errorf("screenshot: %w", err)
	}
	if len(got.Data) < 4*r.Dx()*r.Dy() {
		return nil, fmt.Errorf("screenshot: %d bytes for %v", len(got.Data), r)
	}
	img := image.NewRGBA(r)
	for i := range r.Dx() * r.Dy() {
		p := got.Data[4*i : 4*i+3]
		img.Pix[4*i], img.Pix[4*i+1], img.Pix[4*i+2], img.Pix[4*i+3] = p[2], p[1], p[0], 0xff
	}
	return img, nil
}

// Pixel is the colour of one point.
func (h *Hands) Pixel(x, y int) (color.RGBA, error) {
	got, err := xproto.GetImage(h.conn, xproto.ImageFormatZPixmap, xproto.Drawable(h.root),
		int16(x), int16(y), 1, 1, 0xffffffff).Reply()
	if err != nil {
		return color.RGBA{}, fmt.Errorf("pixel: %w", err)
	}
	return color.RGBA{R: got.Data[2], G: got.Data[1], B: got.Data[0], A: 0xff}, nil
}

// Photograph writes what the display shows to a PNG file.
func (h *Hands) Photograph(path string) error {
	img, err := h.Look()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(png.Encode(f, img), f.Close())
}
