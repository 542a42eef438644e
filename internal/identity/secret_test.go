package identity

import (
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func newSecret(t interface {
	Helper()
	Fatal(...any)
}, text string) *Secret {
	t.Helper()
	s, err := NewSecret()
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range []rune(text) {
		if err := s.Insert(i, r); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func text(s *Secret) (out string) {
	s.Use(func(b []byte) { out = string(b) })
	return out
}

// A Secret behaves like a slice of runes, whatever is done to it.
func TestSecretIsASliceOfRunes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newSecret(t, "")
		defer s.Close()
		var model []rune
		t.Repeat(map[string]func(*rapid.T){
			"insert": func(t *rapid.T) {
				i := rapid.IntRange(0, len(model)).Draw(t, "at")
				r := rapid.Rune().Draw(t, "rune")
				err := s.Insert(i, r)
				if !utf8.ValidRune(r) || len(string(model))+utf8.RuneLen(r) > MaxSecretBytes {
					if err == nil {
						t.Fatal("inserted what cannot be")
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				model = append(model[:i:i], append([]rune{r}, model[i:]...)...)
			},
			"delete": func(t *rapid.T) {
				i := rapid.IntRange(-1, len(model)+1).Draw(t, "at")
				s.Delete(i)
				if i >= 0 && i < len(model) {
					model = append(model[:i:i], model[i+1:]...)
				}
			},
			"wipe": func(*rapid.T) { s.Wipe(); model = nil },
			"clone": func(t *rapid.T) {
				c, err := s.Clone()
				if err != nil {
					t.Fatal(err)
				}
				s.Close()
				s = c
			},
			"": func(t *rapid.T) {
				if text(s) != string(model) || s.Runes() != len(model) || s.Len() != len(string(model)) {
					t.Fatalf("holds %q, want %q", text(s), string(model))
				}
				for i, r := range model {
					if s.Rune(i) != r {
						t.Fatalf("rune %d is %q", i, s.Rune(i))
					}
				}
				if s.Rune(-1) != 0 || s.Rune(len(model)) != 0 {
					t.Fatal("a rune out of range")
				}
				for _, b := range s.page[s.n:] {
					if b != 0 {
						t.Fatal("bytes are left behind what is held")
					}
				}
			},
		})
	})
}

func TestSecretIsFull(t *testing.T) {
	s := newSecret(t, strings.Repeat("é", MaxSecretBytes/2))
	defer s.Close()
	if err := s.Insert(0, 'x'); !errors.Is(err, ErrSecretFull) {
		t.Errorf("got %v", err)
	}
	if s.Runes() != MaxSecretBytes/2 {
		t.Error("a refused rune changed something")
	}
	if err := s.Insert(0, 0xD800); err == nil {
		t.Error("a surrogate was taken")
	}
}

func TestSecretWipeAndClose(t *testing.T) {
	s := newSecret(t, "canari")
	page := s.page
	s.Wipe()
	for _, b := range page {
		if b != 0 {
			t.Fatal("wiped, and still there")
		}
	}
	if err := s.Insert(0, 'a'); err != nil || text(s) != "a" {
		t.Errorf("not usable after Wipe: %v", err)
	}
	s.Close()
	s.Close()
	s.Wipe()
	s.Delete(0)
	if err := s.Insert(0, 'a'); !errors.Is(err, ErrSecretFull) || s.Len() != 0 || text(s) != "" {
		t.Errorf("a closed secret took something: %v", err)
	}
	var none *Secret
	none.Wipe()
	none.Close()
}

// The page is locked, never dumped, and not in a forked child.
func TestSecretPage(t *testing.T) {
	s := newSecret(t, "canari")
	defer s.Close()
	maps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	locked := 0
	for _, m := range strings.Split(string(maps), "VmFlags:")[1:] {
		flags, _, _ := strings.Cut(m, "\n")
		fields := " " + strings.Join(strings.Fields(flags), " ") + " "
		if strings.Contains(fields, " lo ") && strings.Contains(fields, " dd ") && strings.Contains(fields, " wf ") {
			locked++
		}
	}
	if locked == 0 {
		t.Error("no page is locked, out of dumps and out of children")
	}
}

func TestSecretFromSeveralGoroutines(t *testing.T) {
	s := newSecret(t, "")
	defer s.Close()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 100 {
				if err := s.Insert(s.Runes(), 'x'); err != nil && !errors.Is(err, ErrSecretFull) {
					t.Error(err)
				}
				s.Delete(0)
				s.Wipe()
			}
		})
	}
	wg.Wait()
}

func TestSecretRedacts(t *testing.T) {
	s := newSecret(t, "canari")
	defer s.Close()
	redacted(t, s, "canari")
}
