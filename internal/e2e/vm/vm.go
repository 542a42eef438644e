// Package vm boots a tablet's disk in QEMU, with Secure Boot, and is its hands and eyes:
// touch, keys, screenshots, and what its serial line says. Only the tests of the image use
// it. It emulates, with or without KVM, so that what passes here passes everywhere.
package vm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	tablet "portillon/internal/image"
)

// Packages are what the tree needs that QEMU runs in: of Debian 13, whose QEMU has a
// touch screen. dnsmasq and Python's web server are the desk's, for starting over the network.
func Packages() []string {
	return []string{"dnsmasq-base", "mount", "mtools", "ovmf", "python3", "qemu-system-x86", "swtpm", "swtpm-tools", "util-linux"}
}

// The screen's size, and the largest value of touch coordinates.
const (
	Width, Height = 1280, 800
	axis          = 0x7fff
)

// Options is one machine.
type Options struct {
	Tree string // vm.Packages, as image.Tree made it
	Dir  string // of this machine, below which everything of it is
	Disk string // raw, in Dir; written to
	// Firmware is the UEFI variables, in Dir; "" makes empty ones: setup mode, in which
	// the disk's own keys are enrolled.
	Firmware string
	// CommandLine is added to the kernel's by the machine's firmware tables, which a
	// tablet's user has no hand on; it is how the tests see the journal.
	CommandLine string
	Serial      string // the hardware's serial number
	Memory      int    // MiB; 0: 1024
	TPM         bool
	// Real has processor and firmware tables not say that it is a virtual machine: what a boot loader does for those alone it does not do.
	Real bool
	// Stick is a file in Dir, plugged in as a USB stick, from which the firmware starts first; optional.
	Stick string
	// Namespace is a network namespace, and Tap a network card's other end in it that the firmware starts from first; both or none: a
	// network of QEMU's own, on which this machine's loopback is 10.0.2.2.
	Namespace, Tap string
	More           []string // further arguments of QEMU
}

// Console sends the journal to the serial line, and gives devices and services the time they take
// where each instruction is interpreted on a busy computer: with systemd's own 90 s a root that is
// found late is none.
const Console = "console=ttyS0 systemd.journald.forward_to_console=1 systemd.journald.max_level_console=info systemd.log_color=no" +
	" systemd.default_device_timeout_sec=1800 systemd.default_timeout_start_sec=1800"

// VM is a machine that runs.
type VM struct {
	o    Options
	cmd  *exec.Cmd
	done chan struct{}
	q    *qmp
	tpm  *exec.Cmd
	line *os.File // what goes into the serial line
}

// inside is where Dir is for QEMU.
const inside = "/vm"

// Start boots it.
func Start(ctx context.Context, o Options) (*VM, error) {
	if o.Memory == 0 {
		o.Memory = 1024
	}
	if o.Serial == "" {
		o.Serial = "PT-0001"
	}
	v := &VM{o: o, done: make(chan struct{})}
	if err := v.prepare(ctx); err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(o.Dir, "qemu.log"))
	if err != nil {
		return nil, err
	}
	v.cmd = tablet.Command(ctx, o.Tree, []tablet.Mount{{From: o.Dir, To: inside}}, v.args()...)
	if o.Namespace != "" {
		Enter(v.cmd, o.Namespace)
	}
	v.cmd.Stdout, v.cmd.Stderr = log, log
	if err := v.cmd.Start(); err != nil {
		return nil, errors.Join(err, log.Close())
	}
	go func() {
		_ = v.cmd.Wait() // how it ends is QEMU's business; its log is kept
		_ = log.Close()
		close(v.done)
	}()
	return v, v.connect()
}

// Enter has a command that was not started run in a network namespace.
func Enter(cmd *exec.Cmd, namespace string) {
	cmd.Args = append([]string{"nsenter", "--net=/run/netns/" + namespace, cmd.Path}, cmd.Args[1:]...)
	cmd.Path, cmd.Err = exec.LookPath("nsenter")
}

// prepare makes what QEMU wants to find.
func (v *VM) prepare(ctx context.Context) error {
	if v.o.Firmware == "" {
		v.o.Firmware = "vars.fd"
		b, err := os.ReadFile(filepath.Join(v.o.Tree, "usr/share/OVMF/OVMF_VARS_4M.fd"))
		if err == nil {
			err = os.WriteFile(filepath.Join(v.o.Dir, v.o.Firmware), b, 0o600)
		}
		if err != nil {
			return err
		}
	}
	if v.o.Real {
		if err := os.WriteFile(filepath.Join(v.o.Dir, biosTable), biosInformation(), 0o600); err != nil {
			return err
		}
	}
	for _, old := range []string{v.socket(), v.typed()} {
		if err := os.Remove(old); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	if err := syscall.Mkfifo(v.typed(), 0o600); err != nil {
		return fmt.Errorf("vm: serial line: %w", err)
	}
	var err error
	if v.line, err = os.OpenFile(v.typed(), os.O_RDWR, 0); err != nil { // for both, so that nobody waits for the other
		return err
	}
	if v.o.TPM {
		return v.startTPM(ctx)
	}
	return nil
}

func (v *VM) typed() string { return filepath.Join(v.o.Dir, "typed") }

// biosTable is the file of biosInformation.
const biosTable = "bios.smbios"

// biosInformation is a firmware's table about itself (SMBIOS type 0) that does not say "virtual machine": QEMU's own
// and that of its firmware do.
func biosInformation() []byte {
	const uefi = 1 << 3 // second byte of the extension; the next bit would be "virtual machine"
	b := []byte{0, 0x18, 0, 0, 1, 2, 0, 0xe8, 3, 0, 1 << 3, 0, 0, 0, 0, 0, 0, 0, 0, uefi, 1, 0, 0xff, 0xff}
	return append(b, "Portillon\x001\x0001/01/2026\x00\x00"...)
}

func (v *VM) socket() string { return filepath.Join(v.o.Dir, "qmp") }

// connect waits for QEMU's monitor.
func (v *VM) connect() (err error) {
	for end := time.Now().Add(qmpLimit); ; {
		if v.q, err = dialQMP(v.socket()); err == nil {
			return nil
		}
		select {
		case <-v.done:
			b, _ := os.ReadFile(filepath.Join(v.o.Dir, "qemu.log")) // missing: said below all the same
			return fmt.Errorf("vm: QEMU ended: %s", b)
		case <-time.After(100 * time.Millisecond):
		}
		if time.Now().After(end) {
			return errors.Join(err, v.Stop())
		}
	}
}

func (v *VM) args() []string {
	o := v.o
	at := func(name string) string { return inside + "/" + name }
	cpu := "Nehalem"
	if o.Real {
		cpu += ",-hypervisor"
	}
	network, card := "user,id=net", "virtio-net-pci,netdev=net,romfile="
	if o.Tap != "" {
		network, card = "tap,id=net,script=no,downscript=no,ifname="+o.Tap, card+",bootindex=0"
	}
	args := []string{"qemu-system-x86_64", "-nodefaults", "-M", "q35,smm=on", "-accel", "tcg,thread=multi", "-smp", "2", "-cpu", cpu,
		"-m", fmt.Sprint(o.Memory), "-global", "driver=cfi.pflash01,property=secure,value=on",
		"-drive", "if=pflash,unit=0,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.secboot.fd",
		"-drive", "if=pflash,unit=1,format=raw,file=" + at(o.Firmware),
		"-drive", "if=none,id=disk,format=raw,cache=unsafe,file=" + at(o.Disk), "-device", "virtio-blk-pci,drive=disk,bootindex=1",
		"-device", fmt.Sprintf("virtio-vga,xres=%d,yres=%d", Width, Height), "-display", "none",
		"-device", "virtio-multitouch-pci", "-device", "qemu-xhci,id=usb", "-device", "virtio-rng-pci",
		"-netdev", network, "-device", card,
		"-chardev", "file,id=serial,path=" + at("serial") + ",input-path=" + at("typed"), "-serial", "chardev:serial", "-qmp", "unix:" + at("qmp") + ",server=on,wait=off",
		"-smbios", "type=1,serial=" + o.Serial}
	if o.CommandLine != "" {
		args = append(args, "-smbios", "type=11,value=io.systemd.stub.kernel-cmdline-extra="+strings.ReplaceAll(o.CommandLine, ",", ",,")) // as QEMU has them
	}
	if o.Real {
		args = append(args, "-smbios", "file="+at(biosTable))
	}
	if o.Stick != "" {
		args = append(args, "-drive", "if=none,id=stick,format=raw,file="+at(o.Stick), "-device", "usb-storage,bus=usb.0,drive=stick,bootindex=0")
	}
	if o.TPM {
		args = append(args, "-chardev", "socket,id=tpm,path="+at("tpm.sock"), "-tpmdev", "emulator,id=tpm,chardev=tpm", "-device", "tpm-crb,tpmdev=tpm")
	}
	return append(args, o.More...)
}

// startTPM starts a TPM whose state stays in Dir.
func (v *VM) startTPM(ctx context.Context) error {
	if err := os.MkdirAll(filepath.Join(v.o.Dir, "tpm"), 0o700); err != nil {
		return err
	}
	sock := filepath.Join(v.o.Dir, "tpm.sock")
	if err := os.Remove(sock); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	v.tpm = tablet.Command(ctx, v.o.Tree, []tablet.Mount{{From: v.o.Dir, To: inside}}, "swtpm", "socket", "--tpm2",
		"--tpmstate", "dir="+inside+"/tpm", "--ctrl", "type=unixio,path="+inside+"/tpm.sock", "--terminate")
	if err := v.tpm.Start(); err != nil {
		return err
	}
	go func() { _ = v.tpm.Wait() }() // it ends with QEMU
	for end := time.Now().Add(qmpLimit); time.Now().Before(end); {
		if _, err := os.Stat(sock); err == nil {
			return nil
		}
		<-time.After(50 * time.Millisecond)
	}
	return fmt.Errorf("vm: the TPM does not start")
}

// Stop cuts the power.
func (v *VM) Stop() error {
	_ = v.line.Close() // a second time where the machine is stopped twice
	if v.q != nil {
		_ = v.q.do("quit", nil, nil) // it may be gone
	}
	select {
	case <-v.done:
		return nil
	case <-time.After(10 * time.Second):
	}
	err := v.cmd.Cancel()
	<-v.done
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// Reset presses the reset button.
func (v *VM) Reset() error { return v.q.do("system_reset", nil, nil) }

// Running reports whether the machine has not ended.
func (v *VM) Running() bool {
	select {
	case <-v.done:
		return false
	default:
		return true
	}
}

// Said is all that the serial line said so far.
func (v *VM) Said() string {
	b, err := os.ReadFile(filepath.Join(v.o.Dir, "serial"))
	if err != nil {
		return ""
	}
	return string(bytes.ToValidUTF8(b, []byte("?")))
}

// Type types on the serial line.
func (v *VM) Type(text string) error {
	_, err := v.line.WriteString(text)
	return err
}

// Break is the serial line's break condition, which Linux takes for the SysRq key where that is its console.
func (v *VM) Break() error { return v.q.do("chardev-send-break", map[string]any{"id": "serial"}, nil) }

// Screen is what is on the screen now.
func (v *VM) Screen() (image.Image, error) {
	if err := v.q.do("screendump", map[string]any{"filename": inside + "/now.png", "format": "png"}, nil); err != nil {
		return nil, err
	}
	f, err := os.Open(filepath.Join(v.o.Dir, "now.png"))
	if err != nil {
		return nil, err
	}
	m, err := png.Decode(f)
	return m, errors.Join(err, f.Close())
}

// Picture keeps the screen as a file.
func (v *VM) Picture(file string) error {
	if _, err := v.Screen(); err != nil {
		return err
	}
	in, err := os.Open(filepath.Join(v.o.Dir, "now.png"))
	if err != nil {
		return err
	}
	out, err := os.Create(file)
	if err == nil {
		_, err = io.Copy(out, in)
		err = errors.Join(err, out.Close())
	}
	return errors.Join(err, in.Close())
}

// Touch taps the screen at a pixel, for no time at all: an emulated machine may draw for half a second
// between the beginning and the end of a touch, and what is meant to be short is a long one then.
func (v *VM) Touch(at image.Point) error {
	if err := v.Down(at); err != nil {
		return err
	}
	return v.Up()
}

// finger is QEMU's multi-touch event: a slot, what happens to it, and where.
func finger(kind string, id int, more map[string]any) map[string]any {
	data := map[string]any{"type": kind, "slot": 0, "tracking-id": id, "axis": "x", "value": 0}
	for k, v := range more {
		data[k] = v
	}
	return map[string]any{"type": "mtt", "data": data}
}

// Down puts a finger on the screen.
func (v *VM) Down(at image.Point) error {
	return v.send(finger("begin", 1, nil),
		finger("data", 1, map[string]any{"axis": "x", "value": at.X * axis / Width}),
		finger("data", 1, map[string]any{"axis": "y", "value": at.Y * axis / Height}))
}

// Up lifts it.
func (v *VM) Up() error { return v.send(finger("end", -1, nil)) }

func (v *VM) send(events ...map[string]any) error {
	return v.q.do("input-send-event", map[string]any{"events": events}, nil)
}

// Keys presses hardware keys together, by QEMU's names ("ctrl", "alt", "f2"), and lets go.
func (v *VM) Keys(names ...string) error {
	keys := make([]map[string]any, len(names))
	for i, n := range names {
		keys[i] = map[string]any{"type": "qcode", "data": n}
	}
	err := v.q.do("send-key", map[string]any{"keys": keys, "hold-time": keyTime.Milliseconds()}, nil)
	<-time.After(2 * keyTime) // QEMU answers before it lets go, and forgets what comes too fast
	return err
}

// keyTime is how long a key is held.
const keyTime = 80 * time.Millisecond

// Press presses or lets go one hardware key.
func (v *VM) Press(name string, down bool) error {
	return v.send(map[string]any{"type": "key", "data": map[string]any{"down": down, "key": map[string]any{"type": "qcode", "data": name}}})
}

// Do is for what has no method: a command of QEMU's protocol.
func (v *VM) Do(command string, args any) error { return v.q.do(command, args, nil) }
