package main

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"math/rand/v2"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"

	"portillon/internal/e2e/hands"
)

var (
	errNotEmpty   = errors.New("the display did not become empty in time")
	errNotPainted = errors.New("nothing was painted in time")
	errNoKey      = errors.New("a key changed no pixel in time")
)

const (
	paintLimit = 30 * time.Second
	keyLimit   = 2 * time.Second
	// pollEvery is how often the display is asked: often enough not to show in the
	// figures, seldom enough to leave the second core to who is measured.
	pollEvery = 500 * time.Microsecond
)

// eye looks at a display.
type eye struct {
	conn *xgb.Conn
	root xproto.Drawable
}

func openEye(display string) (*eye, error) {
	conn, err := xgb.NewConnDisplay(display)
	if err != nil {
		return nil, err
	}
	return &eye{conn, xproto.Drawable(xproto.Setup(conn).DefaultScreen(conn).Root)}, nil
}

// pixels is a part of the screen, four bytes a pixel.
func (e *eye) pixels(r image.Rectangle) ([]byte, error) {
	got, err := xproto.GetImage(e.conn, xproto.ImageFormatZPixmap, e.root,
		int16(r.Min.X), int16(r.Min.Y), uint16(r.Dx()), uint16(r.Dy()), 0xffffffff).Reply()
	if err != nil {
		return nil, fmt.Errorf("screenshot: %w", err)
	}
	return got.Data, nil
}

// middle is where every candidate has something written when it is painted.
func middle() image.Rectangle { return image.Rect(400, 340, 880, 440) }

// painted reports words on a light ground: neither the empty display, which is
// black, nor a window that is still blank.
func painted(pix []byte) bool {
	light, dark := 0, 0
	for i := 0; i+3 < len(pix); i += 4 {
		switch sum := int(pix[i]) + int(pix[i+1]) + int(pix[i+2]); {
		case sum > 3*200:
			light++
		case sum < 3*128:
			dark++
		}
	}
	return light*4 > len(pix)/4*3 && dark >= 20
}

// empty reports that nothing of the last candidate is left.
func empty(pix []byte) bool {
	for i := 0; i+3 < len(pix); i += 4 {
		if pix[i]|pix[i+1]|pix[i+2] != 0 {
			return false
		}
	}
	return true
}

// until polls a part of the screen until it is as wanted, and returns when that was
// seen.
func (e *eye) until(r image.Rectangle, limit time.Duration, missed error, want func([]byte) bool) (time.Time, error) {
	deadline := time.Now().Add(limit)
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for time.Now().Before(deadline) {
		pix, err := e.pixels(r)
		if err != nil {
			return time.Time{}, err
		}
		if want(pix) {
			return time.Now(), nil
		}
		<-tick.C
	}
	return time.Time{}, missed
}

// keyToPixel types a character and deletes it, n times, and measures each time from
// the key's press to the first pixel of the field that differs, in milliseconds. A
// random pause keeps it out of step with any frame.
func (e *eye) keyToPixel(h *hands.Hands, field image.Rectangle, n int) ([]float64, error) {
	var out []float64
	for i := range n {
		key := uint32('1')
		if i%2 == 1 {
			key = hands.BackSpace
		}
		<-time.After(80*time.Millisecond + rand.N(50*time.Millisecond))
		before, err := e.pixels(field)
		if err != nil {
			return nil, err
		}
		began := time.Now()
		if err := h.Hold(key); err != nil {
			return nil, err
		}
		seen, err := e.until(field, keyLimit, errNoKey, func(pix []byte) bool { return !bytes.Equal(pix, before) })
		if err := errors.Join(err, h.Release(key)); err != nil {
			return nil, err
		}
		out = append(out, float64(seen.Sub(began).Microseconds())/1000)
	}
	return out, nil
}
