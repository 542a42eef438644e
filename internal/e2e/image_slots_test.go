package e2e

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"debug/pe"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"portillon/internal/config"
	"portillon/internal/e2e/vm"
	tablet "portillon/internal/image"
)

// tools is the tree with which images are built.
func (i imageUnderTest) tools(t *testing.T) string {
	t.Helper()
	mirror, err := tablet.ReadMirror(os.DirFS("/etc/apt"))
	if err != nil {
		t.Fatal(err)
	}
	tree, err := tablet.Tools(t.Context(), filepath.Dir(i.tree), mirror, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// later is the image under test again, called by a later version: the same root with other hashes, since its salt is
// the version's, and the same kernel with another command line, signed. It takes seconds, where a build takes minutes.
// spoil may change the root after it was hashed.
func later(t *testing.T, i imageUnderTest, version string, spoil func(root []byte)) (dir string) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	tree := i.tools(t)
	dir = t.TempDir()
	built := strings.TrimSuffix(i.raw, ".raw")
	var offer tablet.Offer
	b, err := os.ReadFile(filepath.Join(filepath.Dir(i.raw), tablet.OfferName))
	must(err)
	must(json.Unmarshal(b, &offer))
	file := func(end string) string { return filepath.Join(dir, "portillon_"+version+end) }
	root, err := os.ReadFile(built + ".root.raw")
	must(err)
	must(os.WriteFile(file(".root.raw"), root, 0o600))
	must(os.Truncate(file(".root.raw"), offer.Root.Room))
	for name, section := range map[string]string{"linux": ".linux", "initrd": ".initrd", "cmdline": ".cmdline", "osrel": ".osrel", "uname": ".uname"} {
		text := sectionOf(t, i.efi, section)
		if name == "osrel" {
			text = bytes.ReplaceAll(text, []byte(`IMAGE_VERSION="`+offer.Version+`"`), []byte(`IMAGE_VERSION="`+version+`"`))
			text = bytes.ReplaceAll(text, []byte("IMAGE_VERSION="+offer.Version+"\n"), []byte("IMAGE_VERSION="+version+"\n"))
		}
		must(os.WriteFile(filepath.Join(dir, name), text, 0o600))
	}
	for _, k := range []string{tablet.SecureBootKey, tablet.SecureBootCert} {
		b, err := os.ReadFile(filepath.Join(i.keys, k))
		must(err)
		must(os.WriteFile(filepath.Join(dir, k), b, 0o600))
	}
	out, err := tablet.Command(t.Context(), tree, []tablet.Mount{{From: dir, To: "/later"}}, "sh", "-euxc", `
veritysetup format --salt="$2" --uuid=00000000-0000-4000-8000-000000000000 --root-hash-file=hash "portillon_$1.root.raw" "portillon_$1.verity.raw"
sed -i "s/roothash=[0-9a-f]*/roothash=$(cat hash)/" cmdline
tr -d '\0' <uname >uname.text
/usr/bin/ukify build --linux=linux --initrd=initrd --cmdline=@cmdline --os-release=@osrel --uname="$(cat uname.text)" \
	--secureboot-private-key=secure-boot.key --secureboot-certificate=secure-boot.crt --output="portillon_$1.efi"`,
		"later", version, fmt.Sprintf("%x", version)).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "hash"))
	must(err)
	hash := strings.TrimSpace(string(raw))
	must(os.Truncate(file(".root.raw"), int64(len(root))))
	if spoil != nil {
		spoil(root)
		must(os.WriteFile(file(".root.raw"), root, 0o600))
	}
	next := tablet.Offer{Version: version, RootHash: hash, Root: part(t, file(".root.raw"), offer.Root.Room),
		Verity: part(t, file(".verity.raw"), offer.Verity.Room), Kernel: part(t, file(".efi"), 0)}
	text, err := json.Marshal(next)
	must(err)
	key, err := config.LoadPrivateKey(filepath.Join(i.keys, tablet.ConfigKey))
	must(err)
	signature, err := config.Sign(text, key, 1, nextMonth())
	must(err)
	sig, err := json.Marshal(signature)
	must(err)
	must(errors.Join(os.WriteFile(filepath.Join(dir, tablet.OfferName), text, 0o600),
		os.WriteFile(filepath.Join(dir, tablet.OfferName+config.SignatureSuffix), sig, 0o600)))
	return dir
}

// sectionOf is a section of a PE file, without the zeros that fill its last page.
func sectionOf(t *testing.T, file, name string) []byte {
	t.Helper()
	f, err := pe.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }() // read only
	s := f.Section(name)
	if s == nil {
		t.Fatalf("%s has no %s", file, name)
	}
	b, err := s.Data()
	if err != nil {
		t.Fatal(err)
	}
	return b[:min(int(s.VirtualSize), len(b))]
}

func part(t *testing.T, file string, room int64) tablet.Part {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "sha256sum", file).Output()
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	sum, _, _ := strings.Cut(string(out), " ")
	return tablet.Part{Bytes: info.Size(), SHA256: sum, Room: room}
}

// update is the desk's: a later image in the other slot.
func (s *slate) update(dir string) (string, error) {
	s.t.Helper()
	out, err := exec.CommandContext(s.t.Context(), shared.portillonctl, "image", "update", s.file(s.disk), "--image", dir,
		"--key", filepath.Join(s.image.keys, tablet.ConfigPublic)).CombinedOutput()
	return string(out), err
}

// kernels are the files that the boot loader chooses from.
func (s *slate) kernels() string {
	s.t.Helper()
	k, err := tablet.KernelsOn(s.file(s.disk))
	s.must(err)
	names, err := k.List(s.t.Context())
	s.must(err)
	return strings.Join(names, " ")
}

// blessed are the words of the service that takes a kernel from its trial.
const blessed = "Marked boot as 'good'"

// imageSlots: a disk that is updated from outside starts the later system, which proves itself by its login; the
// next one is broken, and after three starts the tablet is back, and does not take that one again.
func imageSlots(t *testing.T, i imageUnderTest, l *ledger) {
	s := newSlate(t, i)
	s.configure(s.signed(1, nextMonth()))
	s.enrol()
	if out, err := s.update(later(t, i, "30000101.1", nil)); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	s.boot()
	s.on("email")
	s.says(blessed)
	s.keep("updated")
	s.off()
	if got := s.kernels(); !strings.Contains(got, "portillon_30000101.1.efi") {
		t.Errorf("after a login was seen the kernels are %s", got)
	}
	bad := later(t, i, "30000101.2", func(root []byte) {
		for at := 8192; at+4096 < len(root); at += len(root) / 2000 {
			copy(root[at:], bytes.Repeat([]byte{0xa5}, 4096))
		}
	})
	if out, err := s.update(bad); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	s.boot()
	s.on("email")
	var err error
	if n := strings.Count(s.vm.Said(), "Kernel panic"); n != 3 {
		err = fmt.Errorf("it came back after %d failures", n)
	}
	l.note(t, "a broken update is fallen back from", err)
	s.keep("fallen-back")
	s.off()
	if got := s.kernels(); !strings.Contains(got, "portillon_30000101.2+0-3.efi") {
		t.Errorf("after three failures the kernels are %s", got)
	}
	out, err := s.update(bad)
	if err == nil || !strings.Contains(out, tablet.ErrFailedBefore.Error()) {
		t.Errorf("it was taken again: %v, %s", err, out)
	}
}

// imageLost: a root that is not found is not waited for in the dark; the tablet starts anew. The hash of no
// root stands in for a disk that does not answer.
func imageLost(t *testing.T, i imageUnderTest, l *ledger) {
	s := newSlate(t, i)
	s.configure(s.signed(1, nextMonth()))
	s.enrol()
	s.boot(func(o *vm.Options) {
		o.CommandLine += " systemd.default_device_timeout_sec=10 roothash=" + strings.Repeat("5a", 32)
	})
	var err error
	again := func() bool { return strings.Contains(s.vm.Said(), "reboot: Restarting system") } // the kernel's last words
	for end := time.Now().Add(s.patience()); !again() && err == nil; <-time.After(time.Second) {
		if time.Now().After(end) || !s.vm.Running() {
			err = errors.New("it stands still")
		}
	}
	l.note(t, "a root that is not found", err)
}

// imagePulled: a tablet that nobody is at fetches a later image in its hours, by both halves under the firewall, and
// starts it the next time; until then nothing of it is noticed.
func imagePulled(t *testing.T, i imageUnderTest, l *ledger) {
	s := newSlate(t, i)
	dir := later(t, i, "30000101.3", nil)
	uri, certificate := slotServer(t, dir)
	now := time.Now()
	zone, err := time.LoadLocation("Europe/Paris")
	s.must(err)
	hours := func(d time.Duration) string { return now.In(zone).Add(d).Format("15:04") }
	s.edit(`update_uri = ""`, fmt.Sprintf("update_uri = %q\nimage_window = \"%s-%s\"", uri, hours(-time.Hour), hours(6*time.Hour)))
	b := s.signed(1, nextMonth())
	b[tablet.CAName] = append(b[tablet.CAName], certificate...)
	s.configure(b)
	s.enrol()
	s.boot()
	s.on("email")
	s.says("version 30000101.3 starts next")
	s.see(emailScreen(""))
	s.off()
	s.boot()
	s.on("email")
	s.says(blessed)
	s.keep("pulled")
	s.off()
	var wrong error
	if got := s.kernels(); !strings.Contains(got, "portillon_30000101.3.efi") {
		wrong = fmt.Errorf("the kernels are %s", got)
	}
	l.note(t, "an image fetched by the tablet starts", wrong)
}

// slotServer serves a directory over TLS to a virtual machine, and returns the address and its certificate.
func slotServer(t *testing.T, dir string) (uri string, certificate []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "updates"}, IPAddresses: []net.IP{net.ParseIP(slirp)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.FileServer(http.Dir(dir)))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12}
	server.StartTLS()
	t.Cleanup(server.Close)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return "https://" + net.JoinHostPort(slirp, port), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
