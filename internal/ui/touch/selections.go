package touch

import (
	"errors"
	"fmt"
	"time"
)

// The atoms of X11 protocol, appendix B, and the requests used here.
const (
	atomPrimary    = 1
	atomSecondary  = 2
	atomCutBuffer0 = 9 // to 16
	cutBuffers     = 8

	opInternAtom     = 16
	opDeleteProperty = 19
	opSetSelection   = 22

	// clearLimit bounds all of ClearSelections.
	clearLimit = 5 * time.Second
)

// ClearSelections takes from a local X display (":0") what an earlier candidate's programs may have
// left for pasting: nobody owns PRIMARY, SECONDARY and CLIPBOARD afterwards, and the cut buffers of
// every screen are gone. It fails with ErrUnsupported, or the connection's error.
func ClearSelections(display string) (err error) {
	c, err := dial(display, time.Now().Add(clearLimit))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	clipboard, err := c.atom("CLIPBOARD")
	if err != nil {
		return err
	}
	const none, now = 0, 0
	for _, selection := range []uint32{atomPrimary, atomSecondary, clipboard} {
		if err := c.send(opSetSelection, 0, none, selection, now); err != nil {
			return err
		}
	}
	for _, root := range c.roots {
		for buffer := range uint32(cutBuffers) {
			if err := c.send(opDeleteProperty, 0, root, atomCutBuffer0+buffer); err != nil {
				return err
			}
		}
	}
	return c.sync()
}

// atom is a name's number, made where there is none.
func (c *conn) atom(name string) (uint32, error) {
	req := []byte{opInternAtom, 0, byte(2 + (len(name)+3)/4), 0, byte(len(name)), 0, 0, 0}
	if _, err := c.Write(pad(append(req, name...))); err != nil {
		return 0, err
	}
	b, err := c.reply()
	if err != nil {
		return 0, err
	}
	return le.Uint32(b[8:]), nil
}

// rootsOf are the root windows in the body of a connection setup (X11 protocol, section 8).
func rootsOf(setup []byte) ([]uint32, error) {
	const fixed, perFormat, perScreen, perDepth, perVisual = 32, 8, 40, 8, 24
	short := fmt.Errorf("%w: a setup of %d bytes", ErrUnsupported, len(setup))
	if len(setup) < fixed {
		return nil, short
	}
	vendor, screens, formats := int(le.Uint16(setup[16:])), int(setup[20]), int(setup[21])
	at := fixed + (vendor+3)/4*4 + formats*perFormat
	var roots []uint32
	for range screens {
		if at+perScreen > len(setup) {
			return nil, short
		}
		roots = append(roots, le.Uint32(setup[at:]))
		depths := int(setup[at+39])
		at += perScreen
		for range depths {
			if at+perDepth > len(setup) {
				return nil, short
			}
			at += perDepth + int(le.Uint16(setup[at+2:]))*perVisual
		}
	}
	return roots, nil
}
