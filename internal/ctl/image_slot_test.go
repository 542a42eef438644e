package ctl

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"portillon/internal/config"
	"portillon/internal/image"
	"portillon/internal/update"
)

// paris is the zone of the configuration that is used here.
func paris(t *testing.T) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// window sets the hours, beginning and ending so long from now.
func (s *shelved) window(from, to time.Duration) {
	s.Helper()
	file := s.path("run/" + image.ConfigName)
	toml, err := os.ReadFile(file)
	s.must(err)
	now := time.Now().In(paris(s.T))
	var lines []string
	for line := range strings.Lines(string(toml)) {
		if strings.HasPrefix(line, "image_window =") {
			line = fmt.Sprintf("image_window = \"%s-%s\"\n", now.Add(from).Format("15:04"), now.Add(to).Format("15:04"))
		}
		lines = append(lines, line)
	}
	s.must(os.WriteFile(file, []byte(strings.Join(lines, "")), 0o600))
}

func (s *shelved) fetch() []string {
	return []string{"image", "fetch", "--config", s.path("run/" + image.ConfigName), "--key", s.key + ".pub", "--sys", s.path("sys"),
		"--idle", s.path("idle"), "--looked", s.path("looked-image"), "--running", s.path("image"), "--to", s.path("install")}
}

// offers puts a signed image without its files on the server.
func (s *shelved) offers(version string) {
	s.Helper()
	sum := strings.Repeat("0", 64)
	b, err := json.Marshal(image.Offer{Version: version, RootHash: sum, Root: image.Part{Bytes: 1, SHA256: sum, Room: 4096},
		Verity: image.Part{Bytes: 1, SHA256: sum, Room: 4096}, Kernel: image.Part{Bytes: 1, SHA256: sum}})
	s.must(err)
	key, err := config.LoadPrivateKey(s.key)
	s.must(err)
	signature, err := config.Sign(b, key, 1, time.Now().Add(time.Hour))
	s.must(err)
	sig, err := json.Marshal(signature)
	s.must(err)
	s.must(errors.Join(os.WriteFile(s.path("server/tablets/"+image.OfferName), b, 0o600),
		os.WriteFile(s.path("server/tablets/"+image.OfferName+config.SignatureSuffix), sig, 0o600)))
}

// TestImageAtScreenZero: when a tablet looks for an image, and that what it finds goes to the side that writes, whose
// words it tells.
func TestImageAtScreenZero(t *testing.T) {
	s := newShelved(t)
	s.must(os.WriteFile(s.path("image"), []byte("1.0\n"), 0o600))
	again := func() { s.must(os.RemoveAll(s.path("looked-image"))) }

	s.succeeds(string(update.Hours), s.fetch()...) // no window is set
	s.window(2*time.Hour, 3*time.Hour)
	s.succeeds(string(update.Hours), s.fetch()...)
	s.window(-time.Hour, time.Hour)
	s.idle(2 * update.IdleMost)
	s.succeeds(string(update.InUse), s.fetch()...)
	s.idle(0)
	s.battery("29", "Discharging")
	s.succeeds(string(update.Power), s.fetch()...)
	s.battery("80", "Discharging")
	s.succeeds("nothing newer: no image is offered", s.fetch()...)
	s.succeeds(string(update.Lately), s.fetch()...)
	again()
	s.offers("1.0")
	s.succeeds("version 1.0 is offered, 1.0 runs", s.fetch()...)
	again()
	s.offers("2.0")
	s.refuses("install: connect: no such file", s.fetch()...)

	listener, err := net.Listen("unix", s.path("install"))
	s.must(err)
	t.Cleanup(func() { _ = listener.Close() })
	heard := make(chan []byte, 1)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			heard <- nil
			return
		}
		begin := make([]byte, 512)
		n, _ := io.ReadAtLeast(conn, begin, 2)
		_, _ = io.WriteString(conn, "no version 2.0: "+image.ErrFailedBefore.Error()+"\n")
		_ = conn.Close()
		heard <- begin[:n]
	}()
	again()
	s.refuses(image.ErrFailedBefore.Error(), s.fetch()...)
	if b := <-heard; !bytes.Contains(b, []byte(`"version":"2.0"`)) {
		t.Errorf("it was offered %q", b)
	}
}
