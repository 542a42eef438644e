package config

import (
	"bytes"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const examplePath = "../../docs/portillon.example.toml"

func example(t testing.TB) string {
	t.Helper()
	b, err := os.ReadFile(examplePath)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestExample(t *testing.T) {
	c, err := Load(examplePath)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(c.Raw); got != example(t) {
		t.Error("Raw is not the file's bytes")
	}
	if w := c.Warnings(); len(w) > 0 {
		t.Errorf("the example warns:\n%v", w)
	}
	pins := c.Identity.Pins
	c.Raw, c.doc, c.Identity.Pins = nil, nil, nil
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	want := &Config{
		Path: examplePath, Lockdown: LockdownRequired, Language: "fr", Timezone: paris,
		Centre: Centre{Name: "Faculté de médecine", Room: "B12", Tablet: "B12-07", LocalPhone: "01 23 45 67 89",
			SupportPhone: "06.49.10.01.97", SupportURI: "https://sos.uness.fr/", BatteryMin: 20},
		Identity: Identity{Provider: "fipa", Issuer: "https://auth.example", ClientID: "portillon",
			Scope: "openid profile", CodeValid: 3 * time.Minute, RetryMost: 2 * time.Minute},
		Login: Login{Exam: "Moodle Evaluation", Domains: []string{"univ-uness.fr", "etu.univ-uness.fr"},
			RememberMe: "offered", IdleReset: 2 * time.Minute, SetupURI: "https://portail.uness.fr"},
		Session: Session{MaxAge: 6 * time.Hour},
		Exam:    Exam{Command: []string{"/usr/lib/portillon/player"}, Hosts: []string{"evaluation.example:443"}},
	}
	if !reflect.DeepEqual(c, want) || len(pins) != 2 {
		t.Errorf("got  %+v\nwant %+v\npins %q", c, want, pins)
	}
}

// TestEverythingAtOnce holds the words of a file in which about everything is wrong.
func TestEverythingAtOnce(t *testing.T) {
	data, err := os.ReadFile("testdata/wrong.toml")
	if err != nil {
		t.Fatal(err)
	}
	_, err = Parse("wrong.toml", data)
	if err == nil {
		t.Fatal("no error")
	}
	const golden = "testdata/wrong.golden"
	got := err.Error() + "\n"
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	if strings.Contains(got, "hunter2") {
		t.Error("an error quotes a password")
	}
}

// TestEachKeyIsNeeded removes the keys of the example one at a time.
func TestEachKeyIsNeeded(t *testing.T) {
	src := foldPins(example(t))
	table := ""
	for _, line := range strings.Split(src, "\n") {
		if strings.HasPrefix(line, "[") {
			table = strings.Trim(strings.Fields(line)[0], "[]") + "."
		}
		name, _, isKey := strings.Cut(line, " = ")
		if !isKey || strings.HasPrefix(line, "#") {
			continue
		}
		key := table + name
		t.Run(key, func(t *testing.T) {
			_, err := Parse("f", []byte(strings.Replace(src, line+"\n", "", 1)))
			if key == "centre.local_phone" || key == "centre.image_window" || key == "identity.retry_most" {
				if err != nil {
					t.Errorf("may be absent, got %v", err)
				}
				return
			}
			if one := only(t, err); one.Key != key || one.Msg != "missing" || (table != "") != (one.Line > 0) {
				t.Errorf("got %+v", one)
			}
		})
	}
}

// foldPins puts the list of pins on one line, so that a line is a key.
func foldPins(src string) string {
	before, rest, _ := strings.Cut(src, "pins = [")
	_, after, _ := strings.Cut(rest, "\n]")
	return before + "pins = [\"sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\"]" + after
}

func only(t *testing.T, err error) Error {
	t.Helper()
	var all Errors
	if !errors.As(err, &all) || len(all) != 1 {
		t.Fatalf("want one error, got %v", err)
	}
	var one Error
	if !errors.As(err, &one) || one != all[0] {
		t.Fatalf("errors.As does not find the single error in %v", err)
	}
	return one
}

func TestSingleMistakes(t *testing.T) {
	for _, c := range []struct{ old, new, key, msg string }{
		{`timezone = "Europe/Paris"`, `timezone = "Local"`, "timezone", "time zone"},
		{`support_phone = "06.49.10.01.97"`, `support_phone = "12"`, "centre.support_phone", "telephone"},
		{`battery_min = 20`, `battery_min = 101`, "centre.battery_min", "between 0 and 100"},
		{`battery_min = 20`, `battery_min = 99999999999999999999`, "centre.battery_min", "between 0 and 100"},
		{`battery_min = 20`, `battery_min = "20"`, "centre.battery_min", "whole number"},
		{`issuer = "https://auth.example"`, `issuer = "https://auth.example/"`, "identity.issuer", "slash"},
		{`issuer = "https://auth.example"`, `issuer = "http://auth.example"`, "identity.issuer", "loopback"},
		{`issuer = "https://auth.example"`, `issuer = "https://auth.example:0"`, "identity.issuer", "port"},
		{`issuer = "https://auth.example"`, `issuer = "https://auth.example?x=1"`, "identity.issuer", "query"},
		{`issuer = "https://auth.example"`, `issuer = "https://"`, "identity.issuer", "must be an address"},
		{`provider = "fipa"`, `provider = "oidc"`, "identity.provider", "one of"},
		{`provider = "fipa"`, `provider = "cas"`, "identity.cas", "missing"},
		{`# [identity.cas] `, "[identity.cas]\nmode = 7", "identity.cas.mode", "string"},
		{`code_valid = "180s"`, `code_valid = "601s"`, "identity.code_valid", "between 1s and 10m"},
		{`retry_most = "2m"`, `retry_most = "4s"`, "identity.retry_most", "between 5s and 5m"},
		{`image_window = ""`, `image_window = "20:00-20:00"`, "centre.image_window", "two times of the day"},
		{`image_window = ""`, `image_window = "8:00-9:00"`, "centre.image_window", "two times of the day"},
		{`image_window = ""`, `image_window = 20`, "centre.image_window", "a string in quotes"},
		{`code_valid = "180s"`, `code_valid = "1.5s"`, "identity.code_valid", "whole seconds"},
		{`idle_reset = "2m"`, `idle_reset = "4s"`, "login.idle_reset", "between 5s and 30m"},
		{`max_age = "6h"`, `max_age = "25h"`, "session.max_age", "between 1s and 24h"},
		{`remember_me = "offered"`, `remember_me = "yes"`, "login.remember_me", "one of"},
		{`"etu.univ-uness.fr"]`, `"etu@univ-uness.fr"]`, "login.domains[1]", "follows the @"},
		{`["evaluation.example:443"]`, `["evaluation.example"]`, "exam.hosts[0]", "host:port"},
		{`["evaluation.example:443"]`, `["evaluation.example:70000"]`, "exam.hosts[0]", "host:port"},
		{`["/usr/lib/portillon/player"]`, `["player"]`, "exam.command[0]", "absolute"},
		{`["/usr/lib/portillon/player"]`, `[]`, "exam.command", "empty"},
		{`["/usr/lib/portillon/player"]`, `"/usr/lib/portillon/player"`, "exam.command", "list"},
		{`[session]`, `[sesion]` + "\n[session]", "sesion", "unknown table"},
		{`[login]`, "x.y = 1\n[login]", "identity.x.y", "unknown key"},
		{`language = "fr"`, "language = \"fr\"\nlanguage = \"en\"", "language", "twice"},
		{`[session]`, "[session", "", "not TOML"},
	} {
		src := example(t)
		changed := strings.Replace(src, c.old, c.new, 1)
		if changed == src {
			t.Fatalf("%q is not in the example", c.old)
		}
		_, err := Parse("f", []byte(changed))
		one := only(t, err)
		if one.Key != c.key || !strings.Contains(one.Msg, c.msg) || one.Line == 0 {
			t.Errorf("%q: got %+v", c.new, one)
		}
	}
}

func TestAccepted(t *testing.T) {
	cas := strings.NewReplacer("# [identity.cas]", "[identity.cas]", "# mode", "mode", "# redirect_uri", "redirect_uri",
		"# service =", "service =", `provider = "fipa"`, `provider = "cas"`)
	for name, f := range map[string]func(string) string{
		"cas in oauth mode":   cas.Replace,
		"cas in service mode": func(s string) string { return strings.Replace(cas.Replace(s), `"oauth"`, `"service"`, 1) },
		"plain http on loopback": func(s string) string {
			return strings.Replace(s, "https://auth.example\"", "http://127.0.0.1:8443\"", 1)
		},
		"IPv6 issuer": func(s string) string {
			return strings.Replace(s, "https://auth.example\"", "https://[::1]:8443\"", 1)
		},
		"no hosts":     func(s string) string { return strings.Replace(s, `["evaluation.example:443"]`, "[]", 1) },
		"inline table": func(s string) string { return strings.Replace(s, "[session]\nmax_age = \"6h\"", "", 1) },
		"CRLF":         func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") },
	} {
		src := f(example(t))
		if name == "inline table" {
			src = "session = { max_age = \"6h\" }\n" + src
		}
		if _, err := Parse("f", []byte(src)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLoadMissing(t *testing.T) {
	_, err := Load(filepath.Join(t.TempDir(), "none.toml"))
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestTooLong(t *testing.T) {
	_, err := Parse("f", bytes.Repeat([]byte("#\n"), MaxBytes))
	if one := only(t, err); !strings.Contains(one.Msg, "64 KiB") {
		t.Errorf("got %+v", one)
	}
}

func TestHosts(t *testing.T) {
	c := &Config{Identity: Identity{Issuer: "https://auth.example"}, Exam: Exam{Hosts: []string{"a:1", "auth.example:443"}}}
	for uri, want := range map[string]string{
		"https://auth.example":  "auth.example:443",
		"https://[::1]:9/x":     "[::1]:9",
		"http://127.0.0.1":      "127.0.0.1:80",
		"https://auth.example/": "auth.example:443",
	} {
		c.Identity.Issuer = uri
		if got := c.AllowedHosts(); !reflect.DeepEqual(got, []string{want}) {
			t.Errorf("%s: %q", uri, got)
		}
	}
	c.Identity.Issuer, c.Centre.UpdateURI = "https://auth.example", "https://updates.example"
	if got, want := c.EgressHosts(), []string{"auth.example:443", "a:1", "updates.example:443"}; !reflect.DeepEqual(got, want) {
		t.Errorf("%q", got)
	}
}

func TestWarnings(t *testing.T) {
	one := foldPins(example(t))
	c, err := Parse("f", []byte(one))
	if err != nil {
		t.Fatal(err)
	}
	if w := c.Warnings(); len(w) != 1 || w[0].Line == 0 || !strings.Contains(w[0].Msg, "one pin alone") {
		t.Errorf("one pin: %v", w)
	}
	pin := c.Identity.Pins[0]
	c, err = Parse("f", []byte(strings.Replace(one, "pins = [", "pins = [\n\""+pin+"\",\n", 1)))
	if err != nil {
		t.Fatal(err)
	}
	w := c.Warnings()
	if len(w) != 2 || w[1].Key != "identity.pins[1]" || w[1].Line != w[0].Line+2 {
		t.Errorf("equal pins: %v", w)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(example(f)))
	wrong, err := os.ReadFile("testdata/wrong.toml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(wrong)
	f.Add([]byte("a.b.c=[[[1]],{x={y=2}}]\n\"\".z=1979-05-27\n[[centre]]\n[identity]\npins=[{}]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse("f", data)
		if err == nil {
			if c.Timezone == nil || len(c.AllowedHosts()) != 1 || len(c.Login.Domains) == 0 {
				t.Errorf("accepted but not complete: %+v", c)
			}
			return
		}
		var all Errors
		if !errors.As(err, &all) || len(all) == 0 {
			t.Fatalf("not Errors: %v", err)
		}
		lines := bytes.Count(data, []byte("\n")) + 1
		for _, e := range all {
			if e.File != "f" || e.Msg == "" || e.Line < 0 || e.Line > lines {
				t.Errorf("%+v in %d lines", e, lines)
			}
		}
	})
}

// TestCASPutAside: a centre that uses fipa today may keep what it will need for CAS.
func TestCASPutAside(t *testing.T) {
	src := strings.Replace(example(t), `# [identity.cas] `, "[identity.cas]\nmode = \"oauth\"\nredirect_uri = \"https://…\"\nservice = \"\"\n#", 1)
	c, err := Parse("f", []byte(src))
	if err != nil || c.Identity.CAS != nil {
		t.Fatalf("%+v, %v", c, err)
	}
}
