package identity

import "testing"

func TestParseVersion(t *testing.T) {
	for in, want := range map[string]string{
		"v1.3.1": "v1.3.1", "7.1.0-RC4": "7.1.0-RC4", "26": "26", "": "", "v": "", "1..2": "", "1.2 <script>": "",
		"a.b": "", "1.2-\u202eevil": "", "1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16": "", "-1": "",
	} {
		if got := ParseVersion(in); got != want {
			t.Errorf("%q gives %q, want %q", in, got, want)
		}
	}
}

func FuzzParseVersion(f *testing.F) {
	f.Add("v1.3.1-x")
	f.Fuzz(func(t *testing.T, s string) {
		for _, r := range ParseVersion(s) {
			if r <= ' ' || r > '~' {
				t.Errorf("%q", s)
			}
		}
	})
}

func TestSurveyLine(t *testing.T) {
	s := Survey{Protocol: "Ory Kratos", Version: "v1.3.1", Methods: []string{"password", "email_code"}, Health: Health{Detail: "TLS 1.3"}}
	if got := s.String(); got != "Ory Kratos v1.3.1; methods: password, email_code; TLS 1.3" {
		t.Error(got)
	}
	if got := (Survey{Protocol: "X"}).String(); got != "X; methods told per account" {
		t.Error(got)
	}
}
