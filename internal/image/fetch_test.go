package image

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"portillon/internal/config"
)

// offers puts a signed image on a server.
func (d *desk) offers(s *shelf, version string) {
	d.t.Helper()
	o, files := release(version)
	b, err := json.Marshal(o)
	if err != nil {
		d.t.Fatal(err)
	}
	s.files[OfferName], s.files[OfferName+config.SignatureSuffix] = b, d.sign(b, 1)
	for name, text := range files {
		s.files[name] = []byte(text)
	}
}

// halves of an update that speak with each other; what each of them says at its end.
func (d *desk) fetch(s *shelf, m *memory, kernels Kernels, still func() error) (fetched, received error) {
	d.t.Helper()
	key, err := config.LoadPublicKey(d.o.Key)
	if err != nil {
		d.t.Fatal(err)
	}
	here, there := net.Pipe()
	end := make(chan error, 1)
	go func() {
		_, err := Receiver{Key: key, Now: d.o.Now, Disk: m, Kernels: kernels, Running: hashOf("one"), Say: func(float64) {}}.Receive(d.t.Context(), there)
		_ = there.Close() // a pipe in memory
		end <- err
	}()
	_, fetched = Fetch(d.t.Context(), FetchOptions{PullOptions: PullOptions{URI: s.URL + "/tablets", Key: d.o.Key, Now: d.o.Now, Client: s.Client()},
		Running: "1.0", Writer: here, Still: still, Stall: time.Minute})
	_ = here.Close() // as above
	return fetched, <-end
}

func always() error { return nil }

// TestFetch: a later image goes from the server to the other slot, through both halves.
func TestFetch(t *testing.T) {
	d, s := newDesk(t), newShelf(t)
	m, kernels := layDisk(t, hashOf("one"), "1.0"), &efiDir{map[string]string{"portillon_1.0.efi": "one"}, always}
	d.offers(s, "2.0")
	if fetched, received := d.fetch(s, m, kernels, always); fetched != nil || received != nil {
		t.Fatal(fetched, received)
	}
	if got := slices.Sorted(maps.Keys(kernels.files)); !slices.Equal(got, []string{"portillon_1.0.efi", "portillon_2.0+3.efi"}) {
		t.Errorf("kernels %q", got)
	}
	s.asked = nil
	fetched, received := d.fetch(s, m, kernels, always)
	if !errors.Is(fetched, ErrDeclined) || !errors.Is(received, ErrInstalled) || !strings.Contains(fmt.Sprint(fetched), ErrInstalled.Error()) {
		t.Errorf("again: %v, %v", fetched, received)
	}
	if len(s.asked) != 2 {
		t.Errorf("to be told that it is there already it fetched %q", s.asked)
	}
}

// TestFetchInVain: nothing, something older, another centre's, no answer; the side that writes hears of none.
func TestFetchInVain(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(d *desk, s *shelf)
		want  error
	}{
		"nothing":         {func(*desk, *shelf) {}, ErrNothingNewer},
		"the same":        {func(d *desk, s *shelf) { d.offers(s, "1.0") }, ErrNothingNewer},
		"older":           {func(d *desk, s *shelf) { d.offers(s, "0.9") }, ErrNothingNewer},
		"altered":         {func(d *desk, s *shelf) { d.offers(s, "2.0"); s.files[OfferName] = append(s.files[OfferName], ' ') }, config.ErrAltered},
		"another centre":  {func(d *desk, s *shelf) { newDesk(d.t).offers(s, "2.0") }, config.ErrBadSignature},
		"a redirect":      {func(d *desk, s *shelf) { d.offers(s, "2.0"); s.files[OfferName] = []byte("redirect") }, ErrServer},
		"only a sentence": {func(d *desk, s *shelf) { d.offers(s, "2.0"); s.files[OfferName+".sig"] = []byte("hello") }, config.ErrBadSignature},
	} {
		d, s := newDesk(t), newShelf(t)
		c.spoil(d, s)
		m, kernels := layDisk(t, hashOf("one"), "1.0"), &efiDir{map[string]string{"portillon_1.0.efi": "one"}, always}
		fetched, received := d.fetch(s, m, kernels, always)
		if !errors.Is(fetched, c.want) || !errors.Is(received, io.EOF) {
			t.Errorf("%s: %v, %v", name, fetched, received)
		}
	}
}

// TestFetchBreaksOff: a file that is missing or another one, or somebody who comes: no kernel is added, and the next look
// succeeds.
func TestFetchBreaksOff(t *testing.T) {
	came := errors.New("somebody came")
	looks := 0
	for name, c := range map[string]struct {
		spoil func(s *shelf)
		still func() error
		want  error // of one of the two
	}{
		"missing": {func(s *shelf) { delete(s.files, "portillon_2.0.verity.raw") }, always, ErrServer},
		"short":   {func(s *shelf) { s.files["portillon_2.0.root.raw"] = s.files["portillon_2.0.root.raw"][1:] }, always, io.EOF},
		"altered": {func(s *shelf) { s.files["portillon_2.0.efi"][7]++ }, always, ErrChecksum},
		"in use": {func(*shelf) {}, func() error {
			if looks++; looks > 2 {
				return came
			}
			return nil
		}, came},
	} {
		d, s := newDesk(t), newShelf(t)
		d.offers(s, "2.0")
		c.spoil(s)
		m, kernels := layDisk(t, hashOf("one"), "1.0"), &efiDir{map[string]string{"portillon_1.0.efi": "one"}, always}
		fetched, received := d.fetch(s, m, kernels, c.still)
		if fetched == nil || received == nil || !errors.Is(errors.Join(fetched, received), c.want) {
			t.Errorf("%s: %v, %v", name, fetched, received)
		}
		if len(kernels.files) != 1 {
			t.Errorf("%s: kernels %q", name, kernels.files)
		}
		d.offers(s, "2.0")
		if fetched, received := d.fetch(s, m, kernels, always); fetched != nil || received != nil {
			t.Errorf("%s, and again: %v, %v", name, fetched, received)
		}
	}
}

// TestFetchStalls: a server that stops in the middle is not waited for for ever.
func TestFetchStalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := &http.Client{Transport: silent{}}
		o := FetchOptions{PullOptions: PullOptions{URI: "https://updates.example", Client: client}, Still: always, Stall: time.Minute}
		r, err := o.stream(t.Context(), "file")
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if n, err := io.Copy(io.Discard, r); !errors.Is(err, ErrServer) || n != 4 {
			t.Errorf("%d bytes, %v", n, err)
		}
		if took := time.Since(began); took != time.Minute {
			t.Errorf("it waited for %s", took)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
}

// silent answers with four bytes, and no more until the request is given up.
type silent struct{}

func (silent) RoundTrip(r *http.Request) (*http.Response, error) {
	body, w := io.Pipe()
	go func() {
		_, _ = w.Write([]byte("some")) // to a pipe that is read
		<-r.Context().Done()
		_ = w.CloseWithError(r.Context().Err()) // never fails
	}()
	answer := httptest.NewRecorder().Result()
	answer.Body = body
	return answer, nil
}

// FuzzReceive: whatever comes, the disk is not written before the centre's signature was seen.
func FuzzReceive(f *testing.F) {
	o, _ := release("2.0")
	b, err := json.Marshal(o)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(append([]byte{byte(len(b) >> 8), byte(len(b))}, b...))
	f.Add([]byte{255, 255})
	f.Fuzz(func(t *testing.T, b []byte) {
		var said strings.Builder
		_, err := Receiver{Key: make(ed25519.PublicKey, ed25519.PublicKeySize), Now: time.Now, Disk: &memory{}, Running: hashOf("one")}.Receive(t.Context(), struct {
			io.Reader
			io.Writer
		}{strings.NewReader(string(b)), &said})
		if err == nil || !strings.HasPrefix(said.String(), wordNo) {
			t.Errorf("%v, %q", err, said.String())
		}
	})
}
