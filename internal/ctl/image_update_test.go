package ctl

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"portillon/internal/config"
	"portillon/internal/image"
	"portillon/internal/update"
)

// shelved is a configured tablet, its files in a directory, and a server with something newer.
type shelved struct {
	*testing.T
	dir string
	key string
}

func newShelved(t *testing.T) *shelved {
	t.Helper()
	s := &shelved{T: t, dir: t.TempDir()}
	for _, dir := range []string{"run", "wifi", "server/tablets", "sys/class/power_supply/BAT0"} {
		s.must(os.MkdirAll(s.path(dir), 0o700))
	}
	s.key = s.path("centre.key")
	private, public, err := config.NewKey()
	s.must(errors.Join(err, os.WriteFile(s.key, private, 0o600), os.WriteFile(s.key+".pub", public, 0o600)))
	server := httptest.NewTLSServer(http.FileServer(http.Dir(s.path("server"))))
	t.Cleanup(server.Close)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	s.must(os.WriteFile(s.path("ca.pem"), ca, 0o600))
	toml, err := os.ReadFile("../../docs/portillon.example.toml")
	s.must(err)
	for key, value := range map[string]string{"update_uri": server.URL + "/tablets", "ca_file": s.path("ca.pem")} {
		var lines []string
		for line := range strings.Lines(string(toml)) {
			if strings.HasPrefix(line, key+" =") {
				line = fmt.Sprintf("%s = %q\n", key, value)
			}
			lines = append(lines, line)
		}
		toml = []byte(strings.Join(lines, ""))
	}
	held := s.sign(toml, 5)
	raw, err := held.Encode()
	s.must(err)
	s.must(os.WriteFile(s.path("partition"), append(raw, make([]byte, 2*image.MaxBundle-len(raw))...), 0o600))
	s.succeeds("adopted", s.adopt("adopt")...)
	fresh := s.sign(bytes.Replace(toml, []byte(`room = "B12"`), []byte(`room = "C3"`), 1), 6)
	for name, data := range fresh {
		s.must(os.WriteFile(s.path("server/tablets/"+name), data, 0o600))
	}
	s.battery("80", "Discharging")
	s.idle(0)
	return s
}

func (s *shelved) path(name string) string { return filepath.Join(s.dir, name) }

func (s *shelved) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *shelved) sign(toml []byte, serial uint64) image.Bundle {
	s.Helper()
	key, err := config.LoadPrivateKey(s.key)
	s.must(err)
	signature, err := config.Sign(toml, key, serial, time.Now().Add(24*time.Hour))
	s.must(err)
	b, err := json.Marshal(signature)
	s.must(err)
	return image.Bundle{image.ConfigName: toml, image.ConfigName + config.SignatureSuffix: b}
}

func (s *shelved) battery(capacity, status string) {
	s.Helper()
	for file, text := range map[string]string{"type": "Battery", "capacity": capacity, "status": status} {
		s.must(os.WriteFile(s.path("sys/class/power_supply/BAT0/"+file), []byte(text+"\n"), 0o600))
	}
}

// idle has the kiosk say that nobody was there, so long ago.
func (s *shelved) idle(ago time.Duration) {
	s.Helper()
	when := time.Now().Add(-ago)
	s.must(errors.Join(os.WriteFile(s.path("idle"), []byte("\n"), 0o600), os.Chtimes(s.path("idle"), when, when)))
}

func (s *shelved) adopt(command string) []string {
	return []string{"image", command, "--partition", s.path("partition"), "--key", s.key + ".pub", "--run", s.path("run"),
		"--serial", s.path("serial"), "--wifi", s.path("wifi"), "--hardware", s.path("hardware")}
}

func (s *shelved) pull() []string {
	return []string{"image", "pull", "--config", s.path("run/" + image.ConfigName), "--key", s.key + ".pub", "--sys", s.path("sys"),
		"--idle", s.path("idle"), "--looked", s.path("looked"), "--to", s.path("fresh")}
}

func (s *shelved) take() []string {
	return append(s.adopt("take"), "--from", s.path("fresh"), "--idle", s.path("idle"))
}

func (s *shelved) does(args ...string) (code int, said string) {
	var out bytes.Buffer
	code = Main(s.Context(), args, &out, &out)
	return code, out.String()
}

func (s *shelved) succeeds(want string, args ...string) {
	s.Helper()
	if code, said := s.does(args...); code != ExitOK || !strings.Contains(said, want) {
		s.Errorf("%q: %d, %s", args, code, said)
	}
}

func (s *shelved) refuses(want string, args ...string) {
	s.Helper()
	if code, said := s.does(args...); code != ExitError || !strings.Contains(said, want) {
		s.Errorf("%q: %d, %s; want %q", args, code, said, want)
	}
	if _, err := os.Stat(s.path("fresh")); err == nil && args[1] == "pull" {
		s.Errorf("%q left a file", args)
	}
}

func (s *shelved) room() string {
	s.Helper()
	c, err := config.Load(s.path("run/" + image.ConfigName))
	s.must(err)
	return c.Centre.Room
}

// TestUpdateAtScreenZero: as portillon-update.service runs them, one after the other.
func TestUpdateAtScreenZero(t *testing.T) {
	s := newShelved(t)
	s.succeeds("a newer configuration", s.pull()...)
	if s.room() != "B12" {
		t.Error("in force before it is taken")
	}
	s.succeeds("taken", s.take()...)
	if s.room() != "C3" {
		t.Error("not in force")
	}
	s.succeeds("adopted", s.adopt("adopt")...) // the next boot
	if s.room() != "C3" {
		t.Error("forgotten by the next boot")
	}
	s.must(errors.Join(os.Remove(s.path("fresh")), os.Remove(s.path("looked"))))
	s.refuses("nothing newer", s.pull()...)
}

// TestNotNow: why a tablet does not look, and that what keeps it from looking is over some time.
func TestNotNow(t *testing.T) {
	s := newShelved(t)
	s.must(os.Remove(s.path("idle")))
	s.refuses(string(update.InUse), s.pull()...)
	s.idle(2 * update.IdleMost)
	s.refuses(string(update.InUse), s.pull()...)
	s.idle(0)
	s.battery("29", "Discharging")
	s.refuses(string(update.Power), s.pull()...)
	s.must(os.WriteFile(s.path("looked"), nil, 0o600))
	s.battery("29", "Charging")
	s.refuses(string(update.Lately), s.pull()...)
	long := time.Now().Add(-2 * update.Every)
	s.must(os.Chtimes(s.path("looked"), long, long))
	s.succeeds("a newer configuration", s.pull()...)
	s.idle(2 * update.IdleMost) // somebody came
	s.refuses(errInUse.Error(), s.take()...)
	if s.room() != "B12" {
		t.Error("in force while somebody is there")
	}
}

// TestNoServer: no answer, or a stranger's, is not an end of anything.
func TestNoServer(t *testing.T) {
	s := newShelved(t)
	s.must(os.WriteFile(s.path("ca.pem"), []byte("no certificate\n"), 0o600))
	s.refuses("ca.pem", s.pull()...)
	s = newShelved(t)
	s.must(os.Remove(s.path("server/tablets/" + image.ConfigName)))
	s.refuses("no such file", s.pull()...)
	if s.room() != "B12" {
		t.Error("the tablet is another one")
	}
}
