// Package xorg is a real X server for tests, with a touch screen, a mouse and a
// keyboard that a socket drives: Xorg with the dummy video driver and inputtest
// (Debian's xserver-xorg-core and xserver-xorg-video-dummy). Tests of touch use it,
// since Xvfb has no touch screen.
package xorg

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const patience = 20 * time.Second

// What a finger does.
const (
	Begin uint32 = iota
	Move
	End
)

// A screen without hardware, a touch screen and a mouse that a socket drives.
const xorgConf = `
Section "ServerFlags"
  Option "AutoAddDevices" "false"
  Option "AutoEnableDevices" "true"
EndSection
Section "Device"
  Identifier "card"
  Driver "dummy"
  VideoRam 65536
EndSection
Section "Monitor"
  Identifier "monitor"
  HorizSync 5-1000
  VertRefresh 5-200
  Modeline "1280x800" 83.50 1280 1352 1480 1680 800 803 809 831
EndSection
Section "Screen"
  Identifier "screen"
  Device "card"
  Monitor "monitor"
  DefaultDepth 24
  SubSection "Display"
    Depth 24
    Modes "1280x800"
  EndSubSection
EndSection
Section "InputDevice"
  Identifier "touch"
  Driver "inputtest"
  Option "DeviceType" "Touch"
  Option "TouchCount" "5"
  Option "SocketPath" "%[1]s/touch"
EndSection
Section "InputDevice"
  Identifier "mouse"
  Driver "inputtest"
  Option "DeviceType" "PointerAbsolute"
  Option "SocketPath" "%[1]s/mouse"
EndSection
Section "InputDevice"
  Identifier "keyboard"
  Driver "inputtest"
  Option "DeviceType" "Keyboard"
  Option "SocketPath" "%[1]s/keyboard"
EndSection
Section "ServerLayout"
  Identifier "layout"
  Screen "screen"
  InputDevice "touch"
  InputDevice "mouse" "CorePointer"
  InputDevice "keyboard" "CoreKeyboard"
EndSection
`

// Start runs a real X server with a touch screen, whose outputs (DUMMY0, DUMMY1, …) xrandr
// arranges. It needs Debian's
// xserver-xorg-core and xserver-xorg-video-dummy, and root or a console of its own:
// without -sharevts and -novtswitch it would take the machine's.
func Start(t testing.TB) (display string, touch, mouse *Driver) {
	t.Helper()
	dir, err := os.MkdirTemp("", "xorg") // t.TempDir is too long for a socket's path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	conf := filepath.Join(dir, "xorg.conf")
	if err := os.WriteFile(conf, fmt.Appendf(nil, xorgConf, dir), 0o600); err != nil {
		t.Fatal(err)
	}
	number, tell, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(dir, "log")
	cmd := exec.Command("Xorg", "-displayfd", "3", "-config", conf, "-logfile", log,
		"-sharevts", "-novtswitch", "-noreset", "-nolisten", "tcp")
	cmd.ExtraFiles = []*os.File{tell}
	if err := cmd.Start(); err != nil {
		t.Fatalf("a real X server is needed (xserver-xorg-core, xserver-xorg-video-dummy): %v", err)
	}
	_ = tell.Close()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
		if t.Failed() {
			b, _ := os.ReadFile(log)
			t.Logf("Xorg's log ends:\n%s", b[max(0, len(b)-2000):])
		}
	})
	if err := number.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(number).ReadString('\n')
	if err != nil {
		t.Fatalf("Xorg does not start: %v", err)
	}
	return ":" + strings.TrimSpace(line), dial(t, dir+"/touch"), dial(t, dir+"/mouse")
}

// Driver drives one inputtest device (xf86-input-inputtest-protocol.h, man 4
// inputtestdrv).
type Driver struct {
	t testing.TB
	net.Conn
}

const (
	itClientVersion = 0
	itWaitForSync   = 1
	itMotion        = 2
	itButton        = 4
	itTouch         = 6

	axisMax = 0xffff // of "Abs MT Position X" and "Abs X"
)

func dial(t testing.TB, path string) *Driver {
	t.Helper()
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(2 * patience)); err != nil {
		t.Fatal(err)
	}
	d := &Driver{t, c}
	d.send(itClientVersion, 1|1<<16)
	d.answer()
	return d
}

func (d *Driver) send(typ uint32, words ...uint32) {
	d.t.Helper()
	b := binary.LittleEndian.AppendUint32(nil, uint32(8+4*len(words)))
	b = binary.LittleEndian.AppendUint32(b, typ)
	for _, w := range words {
		b = binary.LittleEndian.AppendUint32(b, w)
	}
	if _, err := d.Write(b); err != nil {
		d.t.Fatal(err)
	}
}

func (d *Driver) answer() {
	d.t.Helper()
	head := make([]byte, 8)
	if _, err := io.ReadFull(d, head); err != nil {
		d.t.Fatalf("inputtest: %v", err)
	}
	if _, err := io.CopyN(io.Discard, d, int64(binary.LittleEndian.Uint32(head))-8); err != nil {
		d.t.Fatalf("inputtest: %v", err)
	}
}

// valuators is xf86ITValuatorData with axes 0 and 1 set, for a point of a 1280×800 screen.
func valuators(x, y int) []uint32 {
	w := make([]uint32, (4+8+4+2*64*8)/4)
	w[1] = 3
	put := func(at int, v float64) {
		bits := math.Float64bits(v)
		w[at], w[at+1] = uint32(bits), uint32(bits>>32)
	}
	put(4, (float64(x)+0.5)*axisMax/1280)
	put(6, (float64(y)+0.5)*axisMax/800)
	return w
}

// Finger posts one touch event and waits until the server is through with it (a wait
// with nothing posted would never end).
func (d *Driver) Finger(id uint32, kind uint32, x, y int) {
	d.t.Helper()
	d.send(itTouch, append([]uint32{id, 18 + kind}, valuators(x, y)...)...)
	d.sync()
}

// Click presses and releases the mouse at a point.
func (d *Driver) Click(x, y int) {
	d.t.Helper()
	at := valuators(x, y) // doubles: C puts an odd number of words on an even one
	d.send(itMotion, append([]uint32{1, 0}, at...)...)
	for _, press := range []uint32{1, 0} {
		d.send(itButton, append([]uint32{1, 1, press, 0}, at...)...)
	}
	d.sync()
}

func (d *Driver) sync() {
	d.t.Helper()
	d.send(itWaitForSync)
	d.answer()
}
