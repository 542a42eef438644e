package supervisor

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"portillon/internal/config"
)

// papers are a configuration, its key and its signature in a directory, and a tablet's state.
type papers struct {
	t         *testing.T
	dir       string
	c         *config.Config
	now       time.Time
	stateDir  string
	signature config.Signature
}

func newPapers(t *testing.T) *papers {
	t.Helper()
	p := &papers{t: t, dir: t.TempDir(), now: time.Date(2026, 10, 1, 8, 0, 0, 0, time.UTC)}
	private, public, err := config.NewKey()
	p.must(err)
	p.must(os.WriteFile(p.path("k"), private, 0o600))
	p.must(os.WriteFile(p.path("k.pub"), public, 0o600))
	p.c = &config.Config{Path: p.path("portillon.toml"), Raw: []byte("lockdown = \"required\"\n"), Lockdown: config.LockdownRequired}
	p.must(os.WriteFile(p.c.Path, p.c.Raw, 0o600))
	p.stateDir = p.path("state")
	_, err = DeviceKey(p.stateDir)
	p.must(err)
	return p
}

func (p *papers) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *papers) path(name string) string { return filepath.Join(p.dir, name) }

func (p *papers) sign(serial uint64, until time.Time) {
	p.t.Helper()
	key, err := config.LoadPrivateKey(p.path("k"))
	p.must(err)
	p.signature, err = config.Sign(p.c.Raw, key, serial, until)
	p.must(err)
	b, err := json.Marshal(p.signature)
	p.must(err)
	p.must(os.WriteFile(p.c.Path+config.SignatureSuffix, b, 0o600))
}

// standing is how a supervisor that starts now finds it.
func (p *papers) standing() *standing {
	_, err := p.c.Accept(p.path("k.pub"), (&state{dir: p.stateDir}).serial(), p.now)
	return newStanding(p.c, p.path("k.pub"), err)
}

func said(list []Finding) string {
	var words []string
	for _, f := range list {
		word := f.ID
		if !f.OK {
			word += " not"
		}
		words = append(words, word)
	}
	return strings.Join(words, ", ")
}

// TestStanding: time goes by in front of a tablet that is on; what was good ends, and is warned of
// a week before.
func TestStanding(t *testing.T) {
	p := newPapers(t)
	p.sign(3, p.now.AddDate(0, 0, 30))
	s := p.standing()
	for _, c := range []struct {
		later int // days
		want  string
	}{{0, "signature, expiry"}, {22, "signature, expiry"}, {24, "signature, expiry not"}, {31, "signature not"}, {1, "signature, expiry"}} {
		now := p.now.AddDate(0, 0, c.later)
		if got := said(s.findings(now)); got != c.want {
			t.Errorf("after %d days: %s, want %s", c.later, got, c.want)
		}
		if s.replaced(now) {
			t.Errorf("after %d days: nobody replaced anything", c.later)
		}
	}
}

// TestClockSetLater: too old for a clock that ran ahead, the configuration is judged by a new
// supervisor once the clock is right: its serial was never compared.
func TestClockSetLater(t *testing.T) {
	p := newPapers(t)
	p.sign(3, p.now.AddDate(0, 0, 30))
	right := p.now
	p.now = p.now.AddDate(1, 0, 0)
	s := p.standing()
	if got := said(s.findings(p.now)); got != "signature not" || s.replaced(p.now) {
		t.Errorf("%s", got)
	}
	if got := said(s.findings(right)); got != "signature not" || !s.replaced(right) {
		t.Errorf("%s", got)
	}
}

// TestReplaced: a new signature, or a new file, is noticed without being read; half a file is not
// started with.
func TestReplaced(t *testing.T) {
	p := newPapers(t)
	s := p.standing()
	if got := said(s.findings(p.now)); got != "signature not" {
		t.Error(got)
	}
	if s.replaced(p.now) {
		t.Error("nothing was replaced")
	}
	p.must(os.WriteFile(p.c.Path, []byte("lockdown = "), 0o600))
	if s.replaced(p.now) {
		t.Error("half of a file counts as a new one")
	}
	p.must(os.Remove(p.c.Path))
	if s.replaced(p.now) {
		t.Error("a file that is gone counts as a new one")
	}
	whole, err := os.ReadFile("../../docs/portillon.example.toml")
	p.must(err)
	p.must(os.WriteFile(p.c.Path, whole, 0o600))
	if _, err := config.Load(p.c.Path); err != nil {
		t.Fatal(err)
	}
	if !s.replaced(p.now) {
		t.Error("a new file was not noticed")
	}
	if (*standing)(nil).replaced(p.now) {
		t.Error("a demonstration's configuration has no standing")
	}
}

// TestJudge says from outside what the supervisor would, and remembers nothing.
func TestJudge(t *testing.T) {
	p := newPapers(t)
	judge := func() string { return said(Judge(p.c, p.path("k.pub"), p.stateDir, p.now)) }
	if got := judge(); got != "signature not" {
		t.Error(got)
	}
	p.sign(3, p.now.AddDate(0, 0, 3))
	if got := judge(); got != "signature, expiry not" {
		t.Error(got)
	}
	serial := (&state{dir: p.stateDir}).serial()
	if b, err := os.ReadFile(serial); err != nil || string(b) != "0\n" {
		t.Errorf("the record says %q, %v", b, err)
	}
	p.must(os.WriteFile(serial, []byte("4\n"), 0o600))
	if got := judge(); got != "signature not" {
		t.Error("going back: " + got)
	}
	p.must(os.Remove(serial))
	if got := judge(); got != "signature not" {
		t.Error("the record is gone: " + got)
	}
}

// TestRecordGone: the record is made with the key; a key alone is refused, by whoever looks.
func TestRecordGone(t *testing.T) {
	dir := t.TempDir()
	s := &state{dir: dir}
	if err := s.recordGone(); err != nil {
		t.Errorf("a new tablet: %v", err)
	}
	first, err := DeviceKey(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.recordGone(); err != nil {
		t.Error(err)
	}
	if err := os.Remove(s.serial()); err != nil {
		t.Fatal(err)
	}
	again, err := DeviceKey(dir)
	if err != nil || again.Thumbprint() != first.Thumbprint() {
		t.Errorf("another key, %v", err)
	}
	if err := s.recordGone(); !errors.Is(err, ErrSerialGone) {
		t.Errorf("%v", err)
	}
	// The key was taken away too: another tablet.
	if err := os.Remove(s.key()); err != nil {
		t.Fatal(err)
	}
	if _, err := DeviceKey(dir); err != nil {
		t.Fatal(err)
	}
	if err := s.recordGone(); err != nil {
		t.Error(err)
	}
}
