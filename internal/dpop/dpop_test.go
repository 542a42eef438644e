package dpop

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

var testNow = time.Unix(1_800_000_000, 0)

// The example of RFC 9449 §4.1 and §4.2, with the thumbprint of its §6.1.
const (
	rfcProof = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6Ik" +
		"VDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCR" +
		"nMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JE" +
		"QSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIj" +
		"oiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwia" +
		"WF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg" +
		"4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg"
	rfcThumbprint = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
	rfcURL        = "https://server.example.com/token"
	rfcIssued     = 1562262616

	// RFC 9449 §7.1: the same key, a GET, with an access token.
	rfcResourceProof = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6Ik" +
		"VDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCR" +
		"nMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JE" +
		"QSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIj" +
		"oiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0Z" +
		"WRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNF" +
		"c05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71E" +
		"OptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA"
	rfcAccessToken = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"
	rfcATH         = "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"
)

func TestRFC9449Vectors(t *testing.T) {
	got, err := Verify(rfcProof, Want{Method: "POST", URL: rfcURL, Now: time.Unix(rfcIssued, 0)})
	if err != nil {
		t.Fatal(err)
	}
	if got.Thumbprint != rfcThumbprint || got.JTI != "-BwC3ESc6acc2lTc" || got.IssuedAt.Unix() != rfcIssued {
		t.Errorf("got %+v", got)
	}
	if ATH(rfcAccessToken) != rfcATH {
		t.Errorf("ATH = %s", ATH(rfcAccessToken))
	}
	w := Want{Method: "GET", URL: "https://resource.example.org/protectedresource", ATH: rfcATH,
		Now: time.Unix(rfcIssued+2, 0)}
	if _, err := Verify(rfcResourceProof, w); err != nil {
		t.Error(err)
	}
	w.ATH = ATH("another")
	if _, err := Verify(rfcResourceProof, w); !errors.Is(err, ErrInvalid) {
		t.Errorf("another token's hash: %v", err)
	}
}

func newKey(t testing.TB) *Key {
	t.Helper()
	k, err := NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestProveVerify(t *testing.T) {
	k := newKey(t)
	p := Params{Method: "POST", URL: "https://auth.example/x?q=1#f", ATH: ATH("t"), Nonce: "n-1"}
	proof, err := k.Proof(p, testNow)
	if err != nil {
		t.Fatal(err)
	}
	w := Want{Method: "POST", URL: "HTTPS://AUTH.example:443/x?other", ATH: ATH("t"), Now: testNow}
	got, err := Verify(proof, w)
	if err != nil {
		t.Fatal(err)
	}
	if got.Thumbprint != k.Thumbprint() || got.Nonce != "n-1" || !got.IssuedAt.Equal(testNow) {
		t.Errorf("got %+v", got)
	}
	second, err := k.Proof(p, testNow)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := Verify(second, w); err != nil || again.JTI == got.JTI {
		t.Errorf("second proof: jti %q, %v", again.JTI, err)
	}
	if _, err := k.Prove(t.Context(), p); err != nil {
		t.Error(err)
	}
}

func TestProofRefuses(t *testing.T) {
	k := newKey(t)
	for _, p := range []Params{
		{}, {Method: "POST"}, {URL: rfcURL}, {Method: "GET", URL: "ftp://a/b"}, {Method: "GET", URL: "/x"},
		{Method: "GET", URL: "https://u:p@h/"}, {Method: "GET", URL: "https://h/%zz"},
	} {
		if _, err := k.Proof(p, testNow); !errors.Is(err, ErrParams) {
			t.Errorf("%+v: %v", p, err)
		}
	}
}

func TestNormalise(t *testing.T) {
	for in, want := range map[string]string{
		"HTTP://Host":               "http://host/",
		"https://h:443/a":           "https://h/a",
		"https://h:80/a":            "https://h:80/a",
		"http://h:80":               "http://h/",
		"https://h/a/../b/./c":      "https://h/b/c",
		"https://h/a/..":            "https://h/",
		"https://h/a//b":            "https://h/a//b",
		"https://h/%7ea%2fb%c3%A9":  "https://h/~a%2Fb%C3%A9",
		"https://h/a?q#f":           "https://h/a",
		"https://[2001:DB8::1]:443": "https://[2001:db8::1]/",
		"https://[::1]:8/x":         "https://[::1]:8/x",
	} {
		if got, err := normalise(in); err != nil || got != want {
			t.Errorf("normalise(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
}

func TestLoadOrCreate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "device", "dpop.pem")
	var wg sync.WaitGroup
	thumbs := make([]string, 8)
	for i := range thumbs {
		wg.Go(func() {
			k, err := LoadOrCreate(path)
			if err != nil {
				t.Error(err)
				return
			}
			thumbs[i] = k.Thumbprint()
		})
	}
	wg.Wait()
	for _, s := range thumbs {
		if s == "" || s != thumbs[0] {
			t.Fatalf("several keys: %q", thumbs)
		}
	}
	for name, want := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

func TestLoadRefuses(t *testing.T) {
	fresh := func(t *testing.T) string {
		path := filepath.Join(t.TempDir(), "device", "dpop.pem")
		if _, err := LoadOrCreate(path); err != nil {
			t.Fatal(err)
		}
		return path
	}
	must := func(t *testing.T, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	overwrite := func(text string) func(*testing.T, string) {
		return func(t *testing.T, p string) { must(t, os.WriteFile(p, []byte(text), 0o600)) }
	}
	for name, c := range map[string]struct {
		spoil func(*testing.T, string)
		want  error
	}{
		"file open":      {func(t *testing.T, p string) { must(t, os.Chmod(p, 0o640)) }, ErrTooOpen},
		"directory open": {func(t *testing.T, p string) { must(t, os.Chmod(filepath.Dir(p), 0o710)) }, ErrTooOpen},
		"empty":          {overwrite(""), ErrBroken},
		"rubbish":        {overwrite("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), ErrBroken},
		"cut": {func(t *testing.T, p string) {
			text, err := os.ReadFile(p)
			must(t, err)
			must(t, os.WriteFile(p, text[:len(text)/2], 0o600))
		}, ErrBroken},
		"tail": {func(t *testing.T, p string) {
			text, err := os.ReadFile(p)
			must(t, err)
			must(t, os.WriteFile(p, append(text, 'x'), 0o600))
		}, ErrBroken},
		"directory": {func(t *testing.T, p string) { must(t, os.Remove(p)); must(t, os.Mkdir(p, 0o700)) }, ErrBroken},
	} {
		t.Run(name, func(t *testing.T) {
			path := fresh(t)
			c.spoil(t, path)
			if _, err := LoadOrCreate(path); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
	t.Run("link", func(t *testing.T) {
		path := fresh(t)
		link := filepath.Join(filepath.Dir(path), "link")
		must(t, os.Symlink(path, link))
		if k, err := LoadOrCreate(link); err == nil {
			t.Errorf("followed a link to %v", k)
		}
	})
}

func TestKeyRedacts(t *testing.T) {
	k := newKey(t)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		for _, v := range []any{k, *k} {
			if got := fmt.Sprintf(verb, v); got != "[dpop key]" {
				t.Errorf("%s: %s", verb, got)
			}
		}
	}
}
