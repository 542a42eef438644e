package identity

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
)

func fullSession(t *testing.T) *Session {
	t.Helper()
	s := &Session{ExpiresAt: time.Unix(1_800_000_000, 0).UTC(), GrantedAt: time.Unix(1_790_000_000, 5).UTC()}
	v := reflect.ValueOf(s).Elem()
	for i := range v.NumField() {
		if f := v.Field(i); f.Kind() == reflect.String {
			f.SetString("canari-" + v.Type().Field(i).Name)
		}
		if v.Field(i).IsZero() {
			t.Fatalf("field %s is not covered by this test", v.Type().Field(i).Name)
		}
	}
	return s
}

func TestSealUnseal(t *testing.T) {
	s := fullSession(t)
	b, err := s.Seal()
	if err != nil {
		t.Fatal(err)
	}
	got, err := Unseal(b)
	if err != nil || !reflect.DeepEqual(got, s) {
		t.Errorf("got %+v, %v", (*sealed)(got), err)
	}
	for _, bad := range []string{"", "{", `{"AccessToken":5,"x":"canari"}`, "canari"} {
		if s, err := Unseal([]byte(bad)); err == nil || s != nil || strings.Contains(err.Error(), "canari") {
			t.Errorf("Unseal(%q): %v", bad, err)
		}
	}
}

func TestSessionRedacts(t *testing.T) {
	s := fullSession(t)
	redacted(t, s, "canari")
	redacted(t, *s, "canari")
	if _, err := json.Marshal(*s); err == nil {
		t.Error("a copy was marshalled in passing")
	}
	if _, err := json.Marshal(s); err == nil {
		t.Error("marshalled in passing")
	}
	if _, err := json.Marshal(struct{ S *Session }{s}); err == nil {
		t.Error("marshalled inside something")
	}
}

func TestSessionWipe(t *testing.T) {
	s := fullSession(t)
	s.Wipe()
	if *s != (Session{}) {
		t.Error("something is left")
	}
	var none *Session
	none.Wipe()
}
