// Package units runs units of the image under a real systemd, of Debian 13, in namespaces of its own:
// no virtual machine, a few seconds. As root; "make deb-test" runs it.
package units

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"portillon/internal/config"
	"portillon/internal/image"
)

// patience bounds what another program does.
const patience = time.Minute

// box is a Debian 13 with some of the image's units, and its systemd.
type box struct {
	*testing.T
	dir, root string
	pid       int // of its systemd, here
}

// needs says why the test cannot run here; "" where it can.
func needs() string {
	if os.Getuid() != 0 {
		return "this needs root"
	}
	for _, tool := range []string{"mmdebstrap", "unshare", "nsenter", "losetup"} {
		if _, err := exec.LookPath(tool); err != nil {
			return err.Error()
		}
	}
	if _, err := cgroups(); err != nil {
		return err.Error()
	}
	return ""
}

// cgroups is where the second version of control groups is mounted.
func cgroups() (string, error) {
	b, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) > 3 && f[2] == "cgroup2" && strings.Contains(f[3], "rw") {
			return f[1], nil
		}
	}
	return "", errors.New("no control groups that could be written")
}

func (b *box) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func (b *box) write(name, text string) {
	b.Helper()
	file := filepath.Join(b.root, name)
	b.must(errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(text), 0o644)))
}

func (b *box) run(name string, args ...string) string {
	b.Helper()
	out, err := exec.CommandContext(b.Context(), name, args...).CombinedOutput()
	if err != nil {
		b.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// newBox lays the image's files, with these units, over a small Debian. Nothing runs yet.
func newBox(t *testing.T, units ...string) *box {
	t.Helper()
	b := &box{T: t, dir: t.TempDir()}
	b.root = filepath.Join(b.dir, "root")
	mirror, err := image.ReadMirror(os.DirFS("/etc/apt"))
	b.must(err)
	cache, err := os.UserCacheDir()
	b.must(err)
	tree, err := image.Tree{Name: "deb", Packages: []string{"systemd", "systemd-sysv", "util-linux", "mount"}}.
		Ensure(t.Context(), filepath.Join(cache, "portillon", "image"), mirror, os.Stderr)
	b.must(err)
	b.run("cp", "-a", tree, b.root)
	extra, err := fs.Sub(image.Definitions(), "mkosi.extra")
	b.must(err)
	files := []string{"usr/lib/portillon/resolv.conf", "usr/lib/sysusers.d/portillon.conf", "usr/lib/tmpfiles.d/portillon.conf"}
	for _, unit := range units {
		files = append(files, "usr/lib/systemd/system/"+unit)
	}
	for _, name := range files {
		text, err := fs.ReadFile(extra, name)
		b.must(err)
		b.write(name, string(text))
	}
	b.run("chroot", b.root, "systemd-sysusers", "portillon.conf")
	b.run("go", "build", "-o", filepath.Join(b.root, "usr/bin/portillonctl"), "portillon/cmd/portillonctl")
	return b
}

// enterText makes the namespaces a machine's, as far as systemd looks at them, and becomes it. The kernel's
// settings are the real machine's, and read only.
const enterText = `root=$1 loop=$2; shift
mount --make-rprivate /
mount --bind "$root" "$root"; cd "$root"
mount -t proc proc proc; mount --bind proc/sys proc/sys; mount -o remount,bind,ro proc/sys
mount -t tmpfs tmpfs sys; mkdir -p sys/fs/cgroup; mount -t cgroup2 cgroup2 sys/fs/cgroup
for d in dev run tmp; do mount -t tmpfs tmpfs $d; done
for d in null:1:3 zero:1:5 full:1:7 random:1:8 urandom:1:9; do mknod -m 666 "dev/${d%%:*}" c $(echo "${d#*:}" | tr : ' '); done
mkdir -p dev/disk/by-partuuid dev/shm; for l; do mknod "dev/loop$l" b 7 "$l"; done; touch dev/console
ln -s "../../loop$loop" "dev/disk/by-partuuid/` + image.ConfigPartition + `"
mkdir -p mnt; pivot_root . mnt; umount -l /mnt
exec env -i container=other PATH=/usr/sbin:/usr/bin /usr/lib/systemd/systemd --unit=box.target --show-status=no </dev/null >/dev/null 2>&1
`

// device makes a block device of a file, for as long as the test runs, and returns its number.
func (b *box) device(file string) string {
	b.Helper()
	loop := b.run("losetup", "-f", "--show", file)
	b.Cleanup(func() {
		if out, err := exec.CommandContext(context.WithoutCancel(b.Context()), "losetup", "-d", loop).CombinedOutput(); err != nil {
			b.Errorf("%v %s", err, out)
		}
	})
	return strings.TrimPrefix(loop, "/dev/loop")
}

// start switches it on, with this file as its configuration partition, and more devices of these numbers.
func (b *box) start(partition string, more ...string) {
	b.Helper()
	loops := append([]string{b.device(partition)}, more...)
	top, err := cgroups()
	b.must(err)
	group, err := os.MkdirTemp(top, "portillon-units-")
	b.must(err)
	b.Cleanup(func() { b.leave(group) })
	cmd := exec.CommandContext(b.Context(), "sh", append([]string{"-euc", `echo $$ >"$0/cgroup.procs"; exec unshare -m -u -i -C -p -f --kill-child sh -euc "$@"`,
		group, enterText, "enter", b.root}, loops...)...)
	cmd.Stderr = os.Stderr
	b.must(cmd.Start())
	b.Cleanup(func() {
		_ = cmd.Process.Kill() // with all that is in its namespace
		_ = cmd.Wait()         // by us
	})
	b.eventually("a systemd", func() bool {
		children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", cmd.Process.Pid, cmd.Process.Pid))
		if err != nil {
			return false
		}
		b.pid, err = strconv.Atoi(strings.TrimSpace(string(children)))
		if err != nil {
			return false
		}
		name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", b.pid))
		return err == nil && strings.TrimSpace(string(name)) == "systemd"
	})
	b.eventually("its first target", func() bool { return b.try("systemctl", "is-active", "box.target") == "active" })
	// Where units wait for each other in a circle, systemd leaves one of them out, and says so to nobody here.
	for unit := range strings.FieldsSeq(b.try("systemctl", "show", "--value", "-p", "Requires", "box.target") + " paths.target sockets.target") {
		if state := b.try("systemctl", "is-active", unit); state != "active" {
			b.Errorf("%s is %s: what does it wait for?", unit, state)
		}
	}
}

// leave takes the control groups away, once the kernel lets it.
func (b *box) leave(group string) {
	for end := time.Now().Add(patience); time.Now().Before(end); <-time.After(100 * time.Millisecond) {
		var dirs []string
		err := filepath.WalkDir(group, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				dirs = append(dirs, path)
			}
			return nil
		})
		for i := len(dirs) - 1; i >= 0 && err == nil; i-- {
			err = syscall.Rmdir(dirs[i])
		}
		if err == nil {
			return
		}
	}
	b.Errorf("%s stays", group)
}

func (b *box) inside(args ...string) *exec.Cmd {
	return exec.CommandContext(b.Context(), "nsenter", append([]string{"-t", strconv.Itoa(b.pid), "-m", "-u", "-i", "-p", "-C"}, args...)...)
}

// try is what a command in the box prints, failed or not.
func (b *box) try(args ...string) string {
	out, _ := b.inside(args...).CombinedOutput() // what it says is what is asked for
	return strings.TrimSpace(string(out))
}

func (b *box) eventually(what string, is func() bool) {
	b.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); <-time.After(100 * time.Millisecond) {
		if is() {
			return
		}
	}
	journal := ""
	if b.pid > 0 {
		journal = b.try("journalctl", "--no-pager", "-n", "60")
	}
	b.Fatalf("not within %s: %s\n%s", patience, what, journal)
}

// centre is who signs.
type centre struct{ private, public string }

func (b *box) bundle(c centre, toml string, serial uint64) image.Bundle {
	b.Helper()
	key, err := config.LoadPrivateKey(c.private)
	b.must(err)
	s, err := config.Sign([]byte(toml), key, serial, time.Now().Add(24*time.Hour))
	b.must(err)
	sig, err := json.Marshal(s)
	b.must(err)
	return image.Bundle{image.ConfigName: []byte(toml), image.ConfigName + config.SignatureSuffix: sig}
}

// The box has the units that these ones stand beside on a tablet: short forms of them.
const (
	adoptUnit = `[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/bin/portillonctl image adopt --hardware /etc/hostname
RuntimeDirectory=portillon
RuntimeDirectoryPreserve=yes
StateDirectory=portillon-adopt iwd
StateDirectoryMode=0700
`
	egressUnit = "[Service]\nExecStart=/usr/bin/sleep infinity\n"
	kioskUnit  = `[Service]
User=kiosk
ExecStart=/usr/bin/sleep infinity
RuntimeDirectory=kiosk kiosk/portillon-power
RuntimeDirectoryMode=0700
`
	boxTarget = `[Unit]
Requires=basic.target portillon-adopt.service portillon-egress.service portillon.service %[1]s
After=basic.target portillon-adopt.service portillon-egress.service portillon.service %[1]s
AllowIsolate=yes
`
)

// runs says whether the test can, and insists on it where REQUIRE_UNITS is 1.
func runs(t *testing.T) bool {
	t.Helper()
	why := needs()
	if os.Getenv("REQUIRE_UNITS") != "1" {
		t.Log("NOT RUN, nothing was proven here: it fetches a Debian (make deb-test)", why)
		return false
	}
	if why != "" {
		t.Fatal(why)
	}
	return true
}

// room is a box with a centre's key, a configuration, and a server's directory.
type room struct {
	*box
	centre           centre
	shelf, partition string
	toml             string
}

// newRoom makes one, with further lines in the configuration's [centre]; its target wants one more unit.
func newRoom(t *testing.T, wants, lines string, units ...string) *room {
	t.Helper()
	b := newBox(t, units...)
	r := &room{box: b, shelf: filepath.Join(b.dir, "shelf"), partition: filepath.Join(b.dir, "partition")}
	b.must(os.Mkdir(r.shelf, 0o700))
	server := httptest.NewTLSServer(http.FileServer(http.Dir(r.shelf)))
	t.Cleanup(server.Close)
	r.centre = centre{filepath.Join(b.dir, "centre.key"), filepath.Join(b.root, image.ConfigKeyPath)}
	private, public, err := config.NewKey()
	b.must(errors.Join(err, os.WriteFile(r.centre.private, private, 0o600)))
	b.write(image.ConfigKeyPath, string(public))
	b.write("usr/lib/portillon/ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
	example, err := os.ReadFile("../../../docs/portillon.example.toml")
	b.must(err)
	for line := range strings.Lines(string(example)) {
		switch {
		case strings.HasPrefix(line, "update_uri ="):
			line = fmt.Sprintf("update_uri = %q\n%s", server.URL, lines)
		case strings.HasPrefix(line, "image_window ="):
			line = ""
		case strings.HasPrefix(line, "ca_file ="):
			line = "ca_file = \"/usr/lib/portillon/ca.pem\"\n"
		}
		r.toml += line
	}
	raw, err := b.bundle(r.centre, r.toml, 1).Encode()
	b.must(err)
	b.must(os.WriteFile(r.partition, append(raw, make([]byte, 2*image.MaxBundle-len(raw))...), 0o600))
	for name, text := range map[string]string{"portillon-adopt.service": adoptUnit, "portillon-egress.service": egressUnit,
		"portillon.service": kioskUnit, "box.target": fmt.Sprintf(boxTarget, wants)} {
		b.write("usr/lib/systemd/system/"+name, text)
	}
	b.write("usr/lib/tmpfiles.d/box.conf", "f /run/systemd/resolve/stub-resolv.conf 0644 root root -\n")
	return r
}

// idle has the kiosk say that nobody is there.
func (r *room) idle() {
	r.Helper()
	r.try("sh", "-c", "rm -f /run/portillon-update/looked*")
	if said := r.try("setpriv", "--reuid", "kiosk", "--regid", "kiosk", "--clear-groups", "sh", "-c", "echo >/run/kiosk/portillon-power/idle"); said != "" {
		r.Fatal(said)
	}
}

func (r *room) show(unit, property string) string {
	return r.try("systemctl", "show", "--value", "-p", property, unit)
}

// TestUpdate: the kiosk says that nobody is there; what the server has is fetched by one user and taken by another,
// the firewall's guard starts anew, and the partition holds it. Before that: no server, no power, no harm.
func TestUpdate(t *testing.T) {
	if !runs(t) {
		return
	}
	b := newRoom(t, "portillon-update.path", "", "portillon-update.path", "portillon-update.service")
	c, toml, shelf, partition := b.centre, b.toml, b.shelf, b.partition
	b.start(partition)
	idle, show := b.idle, b.show
	guard := show("portillon-egress.service", "MainPID")
	idle() // the server has nothing yet
	b.eventually("a look in vain, and no failure", func() bool {
		return show("portillon-update.service", "Result") == "exec-condition" && show("portillon-update.service", "ActiveState") == "inactive"
	})
	for name, data := range b.bundle(c, strings.Replace(toml, `room = "B12"`, `room = "C3"`, 1), 2) {
		b.must(os.WriteFile(filepath.Join(shelf, name), data, 0o600))
	}
	idle()
	b.eventually("the newer configuration", func() bool {
		return strings.Contains(b.try("cat", "/run/portillon/"+image.ConfigName), `room = "C3"`)
	})
	b.eventually("a guard that knows its hosts", func() bool {
		now := show("portillon-egress.service", "MainPID")
		return now != guard && now != "0"
	})
	if got := b.try("cat", "/var/lib/portillon-adopt/serial"); got != "2" {
		t.Errorf("serial %q", got)
	}
	if got := b.try("stat", "-c", "%U", "/run/portillon-update/fresh", "/run/portillon/"+image.ConfigName); got != "portillon-update\nroot" {
		t.Errorf("fetched and taken by %q", got)
	}
	written, err := os.Open(partition)
	b.must(err)
	held, err := image.ReadBundle(written)
	b.must(errors.Join(err, written.Close()))
	if !strings.Contains(string(held[image.ConfigName]), `room = "C3"`) {
		t.Error("the partition holds the old one")
	}
}
