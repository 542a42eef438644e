package oauth

import (
	"errors"
	"net/url"
	"testing"
	"time"

	"portillon/internal/rehearsal/password"
	"portillon/internal/rehearsal/store"
	"portillon/internal/wire"
)

// TestInside: the challenge without HTTP is the challenge, for one holder, and a code of
// it is claimed once, by that holder.
func TestInside(t *testing.T) {
	now := time.Now()
	policy := DefaultPolicy()
	policy.EnrolLoopback = true // it is no tablet, even so
	s := newService(t, policy, func() time.Time { return now })
	err := s.DB.Write(t.Context(), func(tx *store.Tx) error {
		in, err := tx.NewInserter()
		if err != nil {
			return err
		}
		return in.Add(store.Account{Sub: "s", Name: "Léa Moreau", Password: password.Hash("juste")}, now, "lea@x.fr")
	})
	if err != nil {
		t.Fatal(err)
	}
	begin := func(holder, address string) string {
		t.Helper()
		a := s.Inside(t.Context(), holder, url.Values{wire.FieldLoginHint: {address}})
		if a.Suberror != wire.SubCredentialsRequired {
			t.Fatalf("%s: %+v", address, a)
		}
		return a.AuthSession
	}
	try := func(holder, session, secret string) wire.Answer {
		return s.Inside(t.Context(), holder, url.Values{wire.FieldAuthSession: {session}, wire.FieldPassword: {secret}})
	}
	begin("h", "personne@x.fr") // a stranger is told nothing
	session := begin("h", "lea@x.fr")
	if a := try("another", session, "juste"); a.Error != wire.ErrorInvalidSession {
		t.Errorf("another holder's session: %+v", a)
	}
	a := try("h", session, "faux")
	if a.Suberror != wire.SubInvalidCredentials {
		t.Fatalf("%+v", a)
	}
	claim := func(code string) error {
		t.Helper()
		if _, err := s.Claim(t.Context(), "another", code); !errors.Is(err, ErrNotGranted) {
			t.Errorf("another holder claims: %v", err)
		}
		_, err := s.Claim(t.Context(), "h", code)
		return err
	}
	a = try("h", a.AuthSession, "juste")
	if a.AuthorizationCode == "" {
		t.Fatalf("%+v", a)
	}
	if err := claim(a.AuthorizationCode); err != nil {
		t.Error(err)
	}
	if err := claim(a.AuthorizationCode); !errors.Is(err, ErrNotGranted) {
		t.Errorf("claimed twice: %v", err)
	}
	if err := claim("nothing"); !errors.Is(err, ErrNotGranted) {
		t.Errorf("claimed: %v", err)
	}
	a = try("h", a.AuthSession, "juste")
	now = now.Add(2 * time.Minute)
	if err := claim(a.AuthorizationCode); !errors.Is(err, ErrNotGranted) {
		t.Errorf("claimed too late: %v", err)
	}
}
