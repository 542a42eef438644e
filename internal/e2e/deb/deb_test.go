// Package deb tests the Debian packages: built twice they are the same bits; in a Debian 13 of
// their own they are installed, run, upgraded, removed and purged. "make deb-test" builds two
// versions and runs it, as root.
package deb

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"portillon/internal/image"
)

// patience bounds what waits for a program; Debian's mirror gets more.
const patience = 2 * time.Minute

// packages is what DEB_DIR holds: 1 and 2, two versions, and again, the first once more.
func packages(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("DEB_DIR")
	if dir == "" {
		if os.Getenv("REQUIRE_DEB") == "1" {
			t.Fatal("DEB_DIR names no packages")
		}
		t.Log("NOT RUN: DEB_DIR names no packages (make deb-test)")
	}
	return dir
}

func TestSameBits(t *testing.T) {
	dir := packages(t)
	if dir == "" {
		return
	}
	first, err := filepath.Glob(filepath.Join(dir, "1", "*.deb"))
	if err != nil || len(first) != 3 {
		t.Fatalf("%q, %v", first, err)
	}
	for _, file := range first {
		a, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(dir, "again", filepath.Base(file)))
		if err != nil || !bytes.Equal(a, b) {
			t.Errorf("%s built again differs (%v)", filepath.Base(file), err)
		}
	}
}

// machine is a Debian 13 with nothing of ours.
type machine struct {
	*testing.T
	root   string
	mounts []image.Mount
}

func newMachine(t *testing.T, debs string) *machine {
	t.Helper()
	mirror, err := image.ReadMirror(os.DirFS("/etc/apt"))
	if err != nil {
		t.Fatal(err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	cache = filepath.Join(cache, "portillon", "image")
	archives := filepath.Join(cache, "packages", "deb-test")
	tree, err := image.Tree{Name: "deb", Packages: []string{"systemd", "systemd-sysv", "util-linux", "mount"}}.Ensure(t.Context(), cache, mirror, os.Stderr)
	if err == nil {
		err = os.MkdirAll(archives, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{T: t, root: filepath.Join(t.TempDir(), "root"), mounts: []image.Mount{{From: debs, To: "/debs"}, {From: archives, To: "/var/cache/apt/archives"}}}
	if out, err := exec.CommandContext(t.Context(), "cp", "-a", tree, m.root).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return m
}

func (m *machine) command(ctx context.Context, script string) *exec.Cmd {
	return image.Command(ctx, m.root, m.mounts, "env", "DEBIAN_FRONTEND=noninteractive", "sh", "-euc", script)
}

// do runs a script that must succeed, and returns what it prints.
func (m *machine) do(script string) string {
	m.Helper()
	out, err := m.command(m.Context(), script).CombinedOutput()
	if err != nil {
		m.Fatalf("%s\n%v\n%s", script, err, out)
	}
	return string(out)
}

// is holds what a script prints against what it should.
func (m *machine) is(script, want string) {
	m.Helper()
	if got := strings.TrimSpace(m.do(script)); got != want {
		m.Errorf("%s\nprints %q, want %q", script, got, want)
	}
}

const (
	install  = "apt-get install -y -q --no-install-recommends -o APT::Keep-Downloaded-Packages=true /debs/%/*.deb"
	enabled  = "ls /etc/systemd/system/multi-user.target.wants | grep -E '^(portillon|rehearsal)' | tr '\\n' ' '"
	versions = "dpkg-query -W -f '${db:Status-Status} ${Version}\\n' portillon portillonctl rehearsal | sort -u"
	there    = "for f in /usr/bin/portillon /usr/bin/portillonctl /usr/bin/rehearsal /etc/default/rehearsal " +
		"/var/lib/portillon/device/key /var/lib/rehearsal/rehearsal.db; do if [ -e $f ]; then echo -n \"$f \"; fi; done"
)

func TestPackages(t *testing.T) {
	debs := packages(t)
	if debs == "" {
		return
	}
	m := newMachine(t, debs)
	version := func(dir string) string {
		found, err := filepath.Glob(filepath.Join(debs, dir, "portillon_*.deb"))
		if err != nil || len(found) != 1 {
			t.Fatalf("%q, %v", found, err)
		}
		return strings.Split(filepath.Base(found[0]), "_")[1]
	}
	m.do("apt-get update -q && " + strings.ReplaceAll(install, "%", "1"))
	m.is(versions, "installed "+version("1"))
	m.is("if "+enabled+"; then :; fi", "") // nothing starts by itself
	m.units()
	m.programs()

	m.do("systemctl -q enable portillon.target rehearsal.service; mkdir -p /var/lib/portillon/device && echo x >/var/lib/portillon/device/key")
	m.do(strings.ReplaceAll(install, "%", "2"))
	m.is(versions, "installed "+version("2"))
	m.is("grep -c 'listen 127.0.0.1:0' /etc/default/rehearsal", "1") // the administrator's word
	m.is(enabled, "portillon.target rehearsal.service")
	m.is(there, "/usr/bin/portillon /usr/bin/portillonctl /usr/bin/rehearsal /etc/default/rehearsal /var/lib/portillon/device/key /var/lib/rehearsal/rehearsal.db")

	m.do("apt-get remove -y -q portillon portillonctl rehearsal")
	m.is("if "+enabled+"; then :; fi", "")
	m.is(there, "/etc/default/rehearsal /var/lib/portillon/device/key /var/lib/rehearsal/rehearsal.db")
	m.do("apt-get purge -y -q portillon portillonctl rehearsal")
	m.is(there, "")
	m.is("dpkg-query -W -f '${Package}\\n' | grep -E '^(portillon|portillonctl|rehearsal)$' || true", "")
}

// units looks at what systemd makes of the units, and loads the firewall.
func (m *machine) units() {
	m.Helper()
	units := strings.Fields(m.do("cd /usr/lib/systemd/system; ls portillon*.* rehearsal.service"))
	if !slices.Contains(units, "portillon.target") || len(units) < 8 {
		m.Errorf("units: %q", units)
	}
	for _, u := range units {
		if out := m.do("systemd-analyze verify --man=no --recursive-errors=no " + u + " 2>&1 || echo FAILED"); strings.Contains(out, u) || strings.Contains(out, "FAILED") {
			m.Errorf("%s: %s", u, out)
		}
	}
	for _, u := range []string{"portillon", "portillon-unconfigured", "rehearsal"} {
		m.do("systemd-analyze security --offline=yes --no-pager --threshold=15 /usr/lib/systemd/system/" + u + ".service")
	}
	m.do("systemd-tmpfiles --create portillon.conf; test -L /run/portillon/portillon.toml; test ! -e /run/portillon/portillon.toml; test -L /usr/lib/portillon/config.pub")
	m.is("unshare -n sh -ec 'nft -f /usr/lib/portillon/closed.nft; nft list chain inet portillon output | grep -c \"policy drop\"'", "1")
	m.is("getent passwd kiosk portillon-egress portillon-update rehearsal | cut -d: -f1,7 | tr '\\n' ' '", "kiosk:/usr/sbin/nologin portillon-egress:/usr/sbin/nologin portillon-update:/usr/sbin/nologin rehearsal:/usr/sbin/nologin")
}

// programs runs each: with the libraries that its package depends on, as its own user.
func (m *machine) programs() {
	m.Helper()
	m.is("ldd /usr/bin/portillon /usr/bin/portillonctl /usr/bin/rehearsal | grep -c 'not found' || true", "0")
	m.do("portillonctl config check /usr/share/doc/portillonctl/examples/portillon.toml")
	m.do("printf 'REHEARSAL_OPTIONS=\"--listen 127.0.0.1:0 --demo\"\\n' >/etc/default/rehearsal; mkdir -p -m 0700 /var/lib/rehearsal && chown rehearsal: /var/lib/rehearsal")

	line := m.until("setpriv --reuid rehearsal --regid rehearsal --clear-groups sh -c '. /etc/default/rehearsal; "+
		"exec /usr/bin/rehearsal serve --data /var/lib/rehearsal $REHEARSAL_OPTIONS'", `"issuer"`, func(line string) { m.answers(line) })
	if line == "" {
		m.Error("rehearsal did not say where it is")
	}
	m.do("cp /usr/share/doc/portillonctl/examples/portillon.toml /etc/portillon/portillon.toml")
	line = m.until("mkdir -m 0700 /run/kiosk && chown kiosk: /run/kiosk && systemd-tmpfiles --create portillon.conf && "+
		"exec setpriv --reuid kiosk --regid kiosk --init-groups env XDG_RUNTIME_DIR=/run/kiosk HOME=/run/kiosk XDG_STATE_HOME=/run/kiosk/state "+
		"DBUS_SESSION_BUS_ADDRESS=unix:path=/run/kiosk/bus WLR_BACKENDS=headless WLR_RENDERER=pixman WLR_LIBINPUT_NO_DEVICES=1 "+
		"/usr/bin/cage -d -- /usr/bin/portillon --config /run/portillon/portillon.toml 2>&1", `"msg":"screen"`, func(string) {})
	if line == "" {
		m.Error("portillon showed no screen")
	}
}

// until starts a script, waits for the line that holds a word, calls then while it still
// runs, ends it, and returns the line.
func (m *machine) until(script, word string, then func(line string)) string {
	m.Helper()
	ctx, cancel := context.WithTimeout(m.Context(), patience)
	defer cancel()
	cmd := m.command(ctx, script)
	out, err := cmd.StdoutPipe()
	if err != nil {
		m.Fatal(err)
	}
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		m.Fatal(err)
	}
	var seen strings.Builder
	found := ""
	for lines := bufio.NewScanner(out); lines.Scan(); {
		seen.WriteString(lines.Text() + "\n")
		if strings.Contains(lines.Text(), word) {
			found = lines.Text()
			then(found)
			break
		}
	}
	cancel()
	_, _ = io.Copy(io.Discard, out) // it is being ended
	_ = cmd.Wait()                  // by us: the status says so
	if found == "" {
		m.Logf("%s\nprinted\n%s%s", script, seen.String(), said.String())
	}
	return found
}

// answers asks the service for its metadata, by the authority of its own.
func (m *machine) answers(line string) {
	m.Helper()
	var s struct {
		Issuer string `json:"issuer"`
		CAFile string `json:"ca_file"`
	}
	if err := json.Unmarshal([]byte(line), &s); err != nil {
		m.Fatal(err)
	}
	ca, err := os.ReadFile(filepath.Join(m.root, s.CAFile))
	if err != nil {
		m.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		m.Fatal("no authority")
	}
	client := &http.Client{Timeout: patience, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13}}}
	defer client.CloseIdleConnections()
	request, err := http.NewRequestWithContext(m.Context(), http.MethodGet, s.Issuer+"/.well-known/oauth-authorization-server", nil)
	if err != nil {
		m.Fatal(err)
	}
	answer, err := client.Do(request)
	if err != nil {
		m.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }() // read below, or not at all
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK || !bytes.Contains(body, []byte(s.Issuer)) {
		m.Errorf("%s: %d, %v", s.Issuer, answer.StatusCode, err)
	}
}
