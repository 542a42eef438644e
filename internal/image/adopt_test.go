package image

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"portillon/internal/config"
)

// desk is a centre's desk and a tablet.
type desk struct {
	t    *testing.T
	dir  string
	now  time.Time
	toml []byte
	o    AdoptOptions
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	example, err := os.ReadFile("../../docs/portillon.example.toml")
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{t: t, dir: t.TempDir(), now: time.Date(2026, 6, 1, 8, 0, 0, 0, time.UTC), toml: example}
	if err := Keygen(filepath.Join(d.dir, "keys"), "Rennes", d.now); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"run", "state", "wifi"} {
		if err := os.Mkdir(filepath.Join(d.dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	d.write("serial-number", []byte("PT-0001\n"))
	d.o = AdoptOptions{Partition: d.path("partition"), Key: d.path("keys/" + ConfigPublic), Run: d.path("run"), Serial: d.path("state/serial"),
		WiFi: d.path("wifi"), Hardware: d.path("serial-number"), Now: func() time.Time { return d.now }}
	return d
}

func (d *desk) path(name string) string { return filepath.Join(d.dir, name) }

func (d *desk) write(name string, b []byte) {
	d.t.Helper()
	if err := os.WriteFile(d.path(name), b, 0o600); err != nil {
		d.t.Fatal(err)
	}
}

// sign is FILE.sig's bytes.
func (d *desk) sign(data []byte, serial uint64) []byte {
	d.t.Helper()
	key, err := config.LoadPrivateKey(d.path("keys/" + ConfigKey))
	if err != nil {
		d.t.Fatal(err)
	}
	s, err := config.Sign(data, key, serial, d.now.AddDate(0, 0, 30))
	if err != nil {
		d.t.Fatal(err)
	}
	b, err := json.Marshal(s)
	if err != nil {
		d.t.Fatal(err)
	}
	return b
}

func (d *desk) bundle(serial uint64) Bundle {
	return Bundle{ConfigName: d.toml, ConfigName + ".sig": d.sign(d.toml, serial)}
}

func (d *desk) adopt(b Bundle) string {
	d.t.Helper()
	raw, err := b.Encode()
	if err != nil {
		d.t.Fatal(err)
	}
	return d.adoptRaw(append(raw, make([]byte, 1<<16)...))
}

// adoptRaw is the reason, "" for none, and checks what is left where the programs look.
func (d *desk) adoptRaw(raw []byte) string {
	d.t.Helper()
	d.write("partition", raw)
	r, err := Adopt(d.o)
	if err != nil {
		d.t.Fatal(err)
	}
	_, there := os.Stat(filepath.Join(d.o.Run, ConfigName))
	if (r == nil) != (there == nil) {
		d.t.Fatalf("refusal %v, and configuration: %v", r, there)
	}
	if r == nil {
		return ""
	}
	var said Refusal
	b, err := os.ReadFile(filepath.Join(d.o.Run, RefusedName))
	if err == nil {
		err = json.Unmarshal(b, &said)
	}
	if err != nil || said != *r {
		d.t.Fatalf("said %v, %v; found %v", said, err, r)
	}
	return r.Reason
}

func TestAdopt(t *testing.T) {
	d := newDesk(t)
	b := d.bundle(5)
	b["wifi/Salle B12.psk"] = []byte("[Security]\nPassphrase=x\n")
	if why := d.adopt(b); why != "" {
		t.Fatal(why)
	}
	for _, file := range []string{d.path("run/" + ConfigName), d.path("run/" + ConfigName + ".sig"), d.path("wifi/Salle B12.psk")} {
		if _, err := os.Stat(file); err != nil {
			t.Error(err)
		}
	}
	entries, err := os.ReadDir(d.o.Run)
	if err != nil || len(entries) != 2 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

// TestRefusals: each way to be bad, with what the screen says; the good one comes first, so that
// what it left is seen to be gone.
func TestRefusals(t *testing.T) {
	d := newDesk(t)
	if why := d.adopt(d.bundle(5)); why != "" {
		t.Fatal(why)
	}
	other := newDesk(t)
	change := func(f func(Bundle)) Bundle {
		b := d.bundle(6)
		f(b)
		return b
	}
	for name, c := range map[string]struct {
		b    Bundle
		want string
	}{
		"empty":      {Bundle{}, ReasonAbsent},
		"no config":  {Bundle{LabelName: []byte("x")}, ReasonAbsent},
		"unsigned":   {change(func(b Bundle) { delete(b, ConfigName+".sig") }), ReasonUnsigned},
		"altered":    {change(func(b Bundle) { b[ConfigName] = bytes.Replace(d.toml, []byte("B12"), []byte("B13"), 1) }), ReasonAltered},
		"other key":  {change(func(b Bundle) { b[ConfigName+".sig"] = other.sign(d.toml, 9) }), ReasonSignature},
		"no JSON":    {change(func(b Bundle) { b[ConfigName+".sig"] = []byte("{") }), ReasonSignature},
		"rolled":     {d.bundle(4), ReasonRolledBack},
		"not ours":   {change(func(b Bundle) { b[ConfigName] = []byte("x"); b[ConfigName+".sig"] = d.sign([]byte("x"), 7) }), ReasonInvalid},
		"bad fleet":  {change(func(b Bundle) { b[FleetName] = []byte("serial,room,tablet\n") }), ReasonUnsigned},
		"else fleet": {change(func(b Bundle) { b[FleetName] = []byte("x"); b[FleetName+".sig"] = d.sign([]byte("y"), 1) }), ReasonAltered},
	} {
		if got := d.adopt(c.b); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	raw, err := d.bundle(6).Encode()
	if err != nil {
		t.Fatal(err)
	}
	for name, raw := range map[string][]byte{"cut": raw[:1000], "noise": bytes.Repeat([]byte{0xa5}, 4096)} {
		if got := d.adoptRaw(raw); got != ReasonDamaged {
			t.Errorf("%s: %q", name, got)
		}
	}
	d.o.Partition = d.path("nowhere")
	if r, err := Adopt(d.o); err != nil || r == nil || r.Reason != ReasonAbsent {
		t.Errorf("no partition: %v, %v", r, err)
	}
	d.o.Partition = d.path("partition")
	d.now = d.now.AddDate(0, 2, 0)
	old := Bundle{ConfigName: d.toml, ConfigName + ".sig": func() []byte {
		d.now = d.now.AddDate(0, -2, 0)
		defer func() { d.now = d.now.AddDate(0, 2, 0) }()
		return d.sign(d.toml, 8)
	}()}
	if got := d.adopt(old); got != ReasonExpired {
		t.Errorf("expired: %q", got)
	}
	d.write("state/serial", []byte("?"))
	d.now = d.now.AddDate(0, -2, 0)
	if got := d.adopt(d.bundle(9)); got != ReasonDamaged {
		t.Errorf("serial: %q", got)
	}
}

// TestLabel: from the signed fleet by serial number; else from the partition; a tablet that the
// fleet does not know has none.
func TestLabel(t *testing.T) {
	d := newDesk(t)
	d.toml = bytes.Replace(d.toml, []byte(`tablet = "B12-07" `), []byte(`tablet = ""`), 1)
	fleet := []byte("\xef\xbb\xbfSerial;Room;Tablet\r\nPT-0002;B12;B12-02\r\nPT-0001;C3;C3-01\r\n")
	b := d.bundle(1)
	b[FleetName], b[FleetName+".sig"] = fleet, d.sign(fleet, 1)
	b[LabelName] = []byte("not this")
	if why := d.adopt(b); why != "" {
		t.Fatal(why)
	}
	if got := d.label(); got != (Label{"C3", "C3-01"}) {
		t.Errorf("fleet: %+v", got)
	}
	b = d.bundle(2)
	b[LabelName] = []byte("B12-09\n\x1b[31m")
	if why := d.adopt(b); why != "" {
		t.Fatal(why)
	}
	if got := d.label(); got.Tablet != "B12-09[31m" {
		t.Errorf("label: %+v", got)
	}
	d.write("serial-number", []byte("PT-9999\n"))
	b[FleetName], b[FleetName+".sig"] = fleet, d.sign(fleet, 1)
	if got := d.adopt(b); got != ReasonFleet {
		t.Errorf("unknown: %q", got)
	}
}

func (d *desk) label() (l Label) {
	d.t.Helper()
	b, err := os.ReadFile(d.path("run/" + config.LabelFile))
	if err == nil {
		err = json.Unmarshal(b, &l)
	}
	if err != nil {
		d.t.Fatal(err)
	}
	return l
}

func TestKeygenReplacesNothing(t *testing.T) {
	dir := t.TempDir()
	if err := Keygen(dir, "Rennes", time.Now()); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(filepath.Join(dir, SecureBootKey))
	if err != nil {
		t.Fatal(err)
	}
	if err := Keygen(dir, "Rennes", time.Now()); !errors.Is(err, fs.ErrExist) {
		t.Error(err)
	}
	after, err := os.ReadFile(filepath.Join(dir, SecureBootKey))
	if err != nil || !bytes.Equal(before, after) {
		t.Error("the key is another one", err)
	}
	for _, name := range []string{SecureBootKey, ConfigKey} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
}

// TestDisk: the partition is found by its number, written, read, and nothing beside it is
// touched.
func TestDisk(t *testing.T) {
	d := newDesk(t)
	const start, size = 2048, (8 << 20) / sector
	disk := bytes.Repeat([]byte{0x11}, (start+size+100)*sector)
	writeGPT(disk, start, start+size-1)
	d.write("disk", disk)
	if err := WriteBundle(d.path("disk"), d.bundle(1)); err != nil {
		t.Fatal(err)
	}
	got, err := LoadBundle(d.path("disk"))
	if err != nil || !bytes.Equal(got[ConfigName], d.toml) {
		t.Errorf("%v, %v", got, err)
	}
	after, err := os.ReadFile(d.path("disk"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(after[:start*sector], disk[:start*sector]) || !bytes.Equal(after[(start+size)*sector:], disk[(start+size)*sector:]) {
		t.Error("something beside the partition was written")
	}
	for name, bad := range map[string][]byte{"short": disk[:600], "no table": make([]byte, 1<<16), "header": func() []byte {
		b := bytes.Clone(disk)
		b[sector+40]++
		return b
	}(), "other": func() []byte {
		b := bytes.Clone(disk)
		b[2*sector+20]++
		return b
	}()} {
		if _, err := FindPartition(bytes.NewReader(bad), ConfigPartition); !errors.Is(err, ErrDisk) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// writeGPT makes a table of one partition, the configuration's.
func writeGPT(disk []byte, from, to uint64) {
	h := disk[sector : 2*sector]
	clear(h)
	copy(h, "EFI PART")
	clear(disk[2*sector : 3*sector])
	e := disk[2*sector:]
	copy(e[16:], []byte{0x6e, 0x0c, 0x0f, 0x5a, 0x0b, 0x4f, 0x43, 0x4f, 0x9e, 0x5c, 0x2f, 0x4c, 0x5e, 0x5d, 0x0e, 0x02})
	binary.LittleEndian.PutUint64(e[32:], from)
	binary.LittleEndian.PutUint64(e[40:], to)
	binary.LittleEndian.PutUint64(h[24:], 1)
	binary.LittleEndian.PutUint64(h[32:], uint64(len(disk)/sector-1))
	binary.LittleEndian.PutUint64(h[72:], 2)
	binary.LittleEndian.PutUint32(h[80:], 4)
	binary.LittleEndian.PutUint32(h[84:], gptEntry)
	binary.LittleEndian.PutUint32(h[88:], crc32.ChecksumIEEE(e[:4*gptEntry]))
	binary.LittleEndian.PutUint32(h[16:], headerSum(h))
}

func FuzzReadBundle(f *testing.F) {
	good, err := Bundle{ConfigName: []byte("x"), "wifi/a.psk": []byte("y")}.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(make([]byte, 1024))
	f.Add(good[:700])
	f.Fuzz(func(t *testing.T, raw []byte) {
		b, err := ReadBundle(bytes.NewReader(raw))
		if err != nil {
			if !errors.Is(err, ErrAbsent) && !errors.Is(err, ErrDamaged) {
				t.Fatal(err)
			}
			return
		}
		if _, err := b.Encode(); err != nil {
			t.Fatalf("read, but not to be written: %v", err)
		}
	})
}

func FuzzParseFleet(f *testing.F) {
	f.Add([]byte("serial,room,tablet\nPT-1,B12,B12-01\n"))
	f.Add([]byte("serial;room;tablet;thumbprint\nPT-1;B12;B12-01;abc\n"))
	f.Add([]byte("serial,room\nx,y\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		fleet, err := ParseFleet(raw)
		if err != nil {
			if !errors.Is(err, ErrFleet) {
				t.Fatal(err)
			}
			return
		}
		for _, tablet := range fleet {
			if strings.ContainsAny(tablet.Label+tablet.Room+tablet.Serial, "\n\x1b\x00") {
				t.Fatalf("%+q", tablet)
			}
		}
	})
}

func FuzzFindPartition(f *testing.F) {
	disk := make([]byte, 4096)
	writeGPT(disk, 4, 5)
	f.Add(disk)
	f.Fuzz(func(t *testing.T, raw []byte) {
		if p, err := FindPartition(bytes.NewReader(raw), ConfigPartition); err == nil && (p.Start <= 0 || p.Size <= 0) {
			t.Fatalf("%+v", p)
		}
	})
}
