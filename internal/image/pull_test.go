package image

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"portillon/internal/config"
)

// shelf is a server of updates: files, and which were asked for.
type shelf struct {
	*httptest.Server
	files map[string][]byte
	asked []string
}

func newShelf(t *testing.T) *shelf {
	s := &shelf{files: map[string][]byte{}}
	s.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.URL.Path, "/tablets/")
		s.asked = append(s.asked, name)
		data, ok := s.files[name]
		switch {
		case !ok:
			http.NotFound(w, r)
		case string(data) == "redirect":
			http.Redirect(w, r, "https://elsewhere.example/", http.StatusFound)
		default:
			_, _ = w.Write(data) // the client's test notices
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func (d *desk) pull(s *shelf, held uint64) (Bundle, error) {
	d.t.Helper()
	return Pull(d.t.Context(), PullOptions{URI: s.URL + "/tablets", Held: held, Key: d.o.Key, Now: d.o.Now, Client: s.Client()})
}

// TestPull: what is newer and signed is fetched; of what is not, no more than the signature.
func TestPull(t *testing.T) {
	d, s := newDesk(t), newShelf(t)
	maps.Copy(s.files, d.bundle(6))
	b, err := d.pull(s, 5)
	if err != nil || !bytes.Equal(b[ConfigName], d.toml) || len(b) != 2 {
		t.Fatalf("%d files, %v", len(b), err)
	}
	fleet := []byte("serial,room,tablet\nPT-0001,B12,B12-01\n")
	s.files[FleetName], s.files[FleetName+".sig"] = fleet, d.sign(fleet, 1)
	if b, err := d.pull(s, 5); err != nil || !bytes.Equal(b[FleetName], fleet) {
		t.Errorf("fleet: %d files, %v", len(b), err)
	}
	for _, held := range []uint64{6, 7} {
		s.asked = nil
		if _, err := d.pull(s, held); !errors.Is(err, ErrNothingNewer) {
			t.Errorf("%d held: %v", held, err)
		}
		if len(s.asked) != 1 || s.asked[0] != ConfigName+".sig" {
			t.Errorf("%d held: asked for %q", held, s.asked)
		}
	}
}

// TestPullRefuses: whoever has the server, and not the centre's key, changes nothing.
func TestPullRefuses(t *testing.T) {
	d, other := newDesk(t), newDesk(t)
	for name, c := range map[string]struct {
		change func(files map[string][]byte)
		want   error
	}{
		"no server": {func(f map[string][]byte) { clear(f) }, ErrServer},
		"no file":   {func(f map[string][]byte) { delete(f, ConfigName) }, ErrServer},
		"elsewhere": {func(f map[string][]byte) { f[ConfigName] = []byte("redirect") }, ErrServer},
		"a page":    {func(f map[string][]byte) { f[ConfigName+".sig"] = []byte("<html>") }, config.ErrBadSignature},
		"other key": {func(f map[string][]byte) { f[ConfigName+".sig"] = other.sign(d.toml, 9) }, config.ErrBadSignature},
		"altered":   {func(f map[string][]byte) { f[ConfigName] = append(bytes.Clone(d.toml), '\n') }, config.ErrAltered},
		"endless":   {func(f map[string][]byte) { f[ConfigName] = make([]byte, maxMember+1) }, ErrServer},
		"no toml":   {func(f map[string][]byte) { f[ConfigName] = []byte("x"); f[ConfigName+".sig"] = d.sign([]byte("x"), 9) }, config.Errors{}},
		"fleet signed": {func(f map[string][]byte) {
			f[FleetName] = []byte("x")
			f[FleetName+".sig"] = other.sign([]byte("x"), 1)
		}, config.ErrBadSignature},
		"no fleet": {func(f map[string][]byte) {
			f[FleetName] = []byte("x")
			f[FleetName+".sig"] = d.sign([]byte("x"), 1)
		}, ErrFleet},
	} {
		s := newShelf(t)
		maps.Copy(s.files, d.bundle(6))
		c.change(s.files)
		_, err := d.pull(s, 5)
		if _, ok := errors.AsType[config.Errors](err); ok && name == "no toml" {
			continue
		}
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	s := newShelf(t)
	maps.Copy(s.files, d.bundle(6))
	d.now = d.now.AddDate(0, 2, 0)
	if _, err := d.pull(s, 5); !errors.Is(err, config.ErrExpired) {
		t.Error(err)
	}
	s.Close()
	if _, err := d.pull(s, 5); !errors.Is(err, ErrServer) {
		t.Error(err)
	}
}

// configured is a tablet whose partition holds a bundle, adopted.
func (d *desk) configured(b Bundle) {
	d.t.Helper()
	raw, err := b.Encode()
	if err != nil {
		d.t.Fatal(err)
	}
	d.write("partition", append(raw, make([]byte, 2*MaxBundle-len(raw))...))
	if r, err := Adopt(d.o); err != nil || r != nil {
		d.t.Fatal(r, err)
	}
}

// inForce is the serial of the configuration that the programs see.
func (d *desk) inForce() uint64 {
	d.t.Helper()
	s, err := config.LoadSignature(d.path("run/" + ConfigName))
	if err != nil {
		d.t.Fatal(err)
	}
	return s.Serial
}

// TestTake: a newer configuration is in force at once and after the next boot, what else lay on the
// partition is there still, and the older one is refused from then on.
func TestTake(t *testing.T) {
	d := newDesk(t)
	b := d.bundle(5)
	b["wifi/Salle.psk"], b[CAName] = []byte("[Security]\n"), []byte("ca")
	d.configured(b)
	d.toml = bytes.Replace(d.toml, []byte(`room = "B12"`), []byte(`room = "C3"`), 1)
	if err := Take(d.o, d.bundle(6)); err != nil {
		t.Fatal(err)
	}
	check := func(when string) {
		t.Helper()
		c, err := config.Load(d.path("run/" + ConfigName))
		if err != nil || c.Centre.Room != "C3" || d.inForce() != 6 {
			t.Errorf("%s: %v", when, err)
		}
		if ca, err := os.ReadFile(d.path("run/" + CAName)); err != nil || string(ca) != "ca" {
			t.Errorf("%s: authority: %q, %v", when, ca, err)
		}
	}
	check("at once")
	if r, err := Adopt(d.o); err != nil || r != nil {
		t.Fatal(r, err)
	}
	check("after a boot")
	if err := Take(d.o, d.bundle(6)); !errors.Is(err, ErrNothingNewer) {
		t.Error(err)
	}
	if why := d.adopt(b); why != ReasonRolledBack {
		t.Errorf("the one before: %q", why)
	}
	left, err := filepath.Glob(d.path("run/.*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
}

// TestTakeLeavesTheTabletAsItIs: what the next boot would refuse is not written.
func TestTakeLeavesTheTabletAsItIs(t *testing.T) {
	d, other := newDesk(t), newDesk(t)
	d.configured(d.bundle(5))
	unlabelled := bytes.Replace(d.toml, []byte(`tablet = "B12-07" `), []byte(`tablet = ""`), 1)
	stranger := []byte("serial,room,tablet\nPT-0002,B12,B12-02\n")
	before, err := os.ReadFile(d.o.Partition)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		b    Bundle
		want error
	}{
		"other key": {Bundle{ConfigName: d.toml, ConfigName + ".sig": other.sign(d.toml, 9)}, config.ErrBadSignature},
		"altered":   {Bundle{ConfigName: append(bytes.Clone(d.toml), '\n'), ConfigName + ".sig": d.sign(d.toml, 9)}, config.ErrAltered},
		"older":     {d.bundle(4), ErrNothingNewer},
		"the same":  {d.bundle(5), ErrNothingNewer},
		"not in the fleet": {Bundle{ConfigName: unlabelled, ConfigName + ".sig": d.sign(unlabelled, 9), FleetName: stranger,
			FleetName + ".sig": d.sign(stranger, 9)}, ErrFleet},
	} {
		if err := Take(d.o, c.b); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		after, err := os.ReadFile(d.o.Partition)
		if err != nil || !bytes.Equal(before, after) || d.inForce() != 5 {
			t.Errorf("%s: the tablet is another one; %v", name, err)
		}
		if highest, err := config.HighestSerial(d.o.Serial); highest != 5 || err != nil {
			t.Errorf("%s: serial %d, %v", name, highest, err)
		}
	}
	if err := os.Remove(d.o.Partition); err != nil {
		t.Fatal(err)
	}
	if err := Take(d.o, d.bundle(6)); !errors.Is(err, fs.ErrNotExist) || d.inForce() != 5 {
		t.Error(err)
	}
}

// TestPowerCutWhileReplacing: after each step of a replacement, and in the middle of it, the next boot
// has the old configuration or the new one.
func TestPowerCutWhileReplacing(t *testing.T) {
	d := newDesk(t)
	old, fresh := d.bundle(5), d.bundle(6)
	encode := func(b Bundle) []byte {
		raw, err := b.Encode()
		if err != nil {
			t.Fatal(err)
		}
		return append(raw, make([]byte, MaxBundle-len(raw))...)
	}
	a, b, none := encode(old), encode(fresh), make([]byte, MaxBundle)
	// What was written up to a byte, and what lay there behind it.
	torn := func(onto, from []byte, at int) []byte { return append(bytes.Clone(from[:at]), onto[at:]...) }
	steps := map[string]struct {
		first, second []byte
		want          uint64
	}{
		"before": {a, none, 5}, "second written": {a, b, 5}, "both": {b, b, 6}, "done": {b, none, 6},
	}
	for _, at := range []int{1, 511, 512, 513, 1024, 1500, 2048, 3000, 4000} {
		steps[fmt.Sprintf("second torn at %d", at)] = struct {
			first, second []byte
			want          uint64
		}{a, torn(none, b, at), 5}
		steps[fmt.Sprintf("second goes at %d", at)] = struct {
			first, second []byte
			want          uint64
		}{b, torn(b, none, at), 6}
	}
	for name, s := range steps {
		d.write("state/serial", []byte("5\n"))
		d.write("partition", append(bytes.Clone(s.first), s.second...))
		if r, err := Adopt(d.o); err != nil || r != nil || d.inForce() != s.want {
			t.Errorf("%s: %v, %v", name, r, err)
		}
	}
	for _, at := range []int{1, 511, 512, 513, 1024, 1500, 2048, 3000, 4000} {
		d.write("state/serial", []byte("5\n"))
		d.write("partition", append(torn(a, b, at), b...))
		if r, err := Adopt(d.o); err != nil || r != nil || d.inForce() < 5 {
			t.Errorf("first torn at %d: %v, %v", at, r, err)
		}
	}
}
