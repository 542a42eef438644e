package image

import (
	"errors"
	"flag"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

var rewrite = flag.Bool("update", false, "write the golden files")

func options() Options {
	return Options{
		Version: "1.2~rc1", Programs: "/build/bin", ConfigKey: "/keys/config.key.pub",
		SecureBootKey: "/keys/secure-boot.key", SecureBootCert: "/keys/secure-boot.crt",
		Mirror: Mirror{"http://mirror.example/debian", "http://mirror.example/debian-security"},
		Epoch:  time.Unix(1767225600, 0), TimeServers: []string{"ntp2.example", "ntp1.example"}, Keyboards: []string{"046d:c31c"},
	}
}

// TestPlan: everything that an image is made of, as it was last agreed to. -update writes it.
func TestPlan(t *testing.T) {
	for name, o := range map[string]Options{"tablet": options(), "firmware": func() Options {
		o := options()
		o.Firmware, o.TimeServers, o.Keyboards = true, nil, nil
		return o
	}()} {
		p, err := NewPlan(o, Definitions())
		if err != nil {
			t.Fatal(err)
		}
		file := "testdata/" + name + ".plan"
		if *rewrite {
			if err := os.WriteFile(file, []byte(p.String()), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.String(); got != string(want) {
			t.Errorf("%s: the plan is another one (go test ./internal/image -update): %s", name, firstDifference(got, string(want)))
		}
	}
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range g {
		if i >= len(w) || g[i] != w[i] {
			return "first at: " + g[i]
		}
	}
	return "lines are missing at its end"
}

// TestPlanIsPure: equal options give equal plans, whatever the order of lists.
func TestPlanIsPure(t *testing.T) {
	a, err := NewPlan(options(), Definitions())
	if err != nil {
		t.Fatal(err)
	}
	o := options()
	o.TimeServers = []string{"ntp1.example", "ntp2.example", "ntp1.example"}
	b, err := NewPlan(o, Definitions())
	if err != nil {
		t.Fatal(err)
	}
	if a.String() != b.String() {
		t.Error(firstDifference(a.String(), b.String()))
	}
}

func TestOptionsSayAllThatIsWrong(t *testing.T) {
	o := options()
	o.Version, o.SecureBootKey, o.Keyboards, o.TimeServers = "v1", "keys/x", []string{"any"}, []string{"a b\nFallbackNTP=x"}
	_, err := NewPlan(o, Definitions())
	if !errors.Is(err, ErrOptions) {
		t.Fatal(err)
	}
	for _, want := range []string{`version "v1"`, "Secure Boot key", `keyboard "any"`, "time server"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %v", want, err)
		}
	}
}

// TestPrivateKeyStaysOut: the signing key is in mkosi's directory, and not in the tree that
// becomes the image.
func TestPrivateKeyStaysOut(t *testing.T) {
	p, err := NewPlan(options(), Definitions())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range p.Files {
		if strings.HasPrefix(f.Path, extra) && strings.Contains(f.From, ".key") && !strings.HasSuffix(f.From, ".pub") {
			t.Errorf("%s holds %s", f.Path, f.From)
		}
	}
}

func TestMirror(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  Mirror
		err   error
	}{
		"one line": {files: map[string]string{"sources.list": "# x\ndeb [arch=amd64 signed-by=/k] http://m.example/debian/ trixie main\n" +
			"deb http://s.example/debian-security trixie-security main\ndeb-src http://no.example/debian trixie main\n"},
			want: Mirror{"http://m.example/debian", "http://s.example/debian-security"}},
		"deb822": {files: map[string]string{"sources.list.d/debian.sources": "Types: deb\n# http://old.example/debian\nURIs: http://m.example/debian\nSuites: bookworm\n\n" +
			"Types: deb\nURIs:\n http://s.example/debian-security\nSuites: bookworm-security\n",
			"sources.list.d/a.sources": "Types: deb\nURIs: http://off.example/debian\nEnabled: no\n\nTypes: deb-src\nURIs: http://src.example/debian\n"},
			want: Mirror{"http://m.example/debian", "http://s.example/debian-security"}},
		"no security": {files: map[string]string{"sources.list.d/x.list": "deb http://other.example/node nodistro main\ndeb http://m.example/debian stable main"},
			want: Mirror{"http://m.example/debian", "http://m.example/debian-security"}},
		"none": {files: map[string]string{"sources.list": "deb cdrom:[x]/ trixie main\n"}, err: ErrNoMirror},
	} {
		etc := fstest.MapFS{}
		for f, text := range c.files {
			etc[f] = &fstest.MapFile{Data: []byte(text)}
		}
		got, err := ReadMirror(etc)
		if !errors.Is(err, c.err) || got != c.want && err == nil {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}
