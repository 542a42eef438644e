package oauth

import (
	"context"
	"log/slog"
	"net/url"
	"testing"
	"time"

	"portillon/internal/rehearsal/keys"
	"portillon/internal/rehearsal/mail"
	"portillon/internal/rehearsal/password"
	"portillon/internal/rehearsal/store"
	"portillon/internal/wire"
)

type nowhere struct{}

func (nowhere) Send(context.Context, mail.Message) error { return nil }

// newService is a service over a database of its own, whose mails go nowhere.
func newService(t *testing.T, policy Policy, now func() time.Time) *Service {
	t.Helper()
	db, err := store.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	ring, err := keys.Load(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	s, err := New(Deps{
		Issuer: "https://localhost", ClientID: "portillon", Zone: time.UTC, Policy: policy, DB: db, Keys: ring,
		Hasher: password.New(0), Mails: mail.NewQueue(db, ring, nowhere{}, time.Now, log), Now: now, Log: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestPhantomsAreNeverGranted gives a session of nobody the very code that was
// stored for it: one guess in 200,000 among five would hit it.
func TestPhantomsAreNeverGranted(t *testing.T) {
	s := newService(t, DefaultPolicy(), time.Now)
	sess := store.Session{JKT: "k", ClientID: "portillon", Subject: "address x", Class: unknownClients}
	first, salt := newToken(), []byte("sel de la session")
	err := s.DB.Write(t.Context(), func(tx *store.Tx) error {
		if err := tx.InsertSession(&sess, first.hash, time.Now()); err != nil {
			return err
		}
		return tx.InsertCode(sess, store.Code{
			Salt: salt, MAC: s.codeMAC(salt, "012345"), SentAt: time.Now(), ExpiresAt: time.Now().Add(time.Minute),
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.challenge(&request{ctx: t.Context(), jkt: "k", form: url.Values{
		"client_id": {"portillon"}, "response_type": {"code"}, "auth_session": {first.text}, "otp": {"012345"},
	}})
	if err != nil || out.sub != wire.SubInvalidOTP {
		t.Errorf("nobody's right code is answered %q %q, %v; want %q", out.code, out.sub, err, wire.SubInvalidOTP)
	}
}

func TestCodesKeepTheirZeros(t *testing.T) {
	zeros := 0
	for range 2000 {
		c, err := newCode()
		if err != nil || len(c) != otpLength {
			t.Fatalf("%d digits, %v", len(c), err)
		}
		if c[0] == '0' {
			zeros++
		}
	}
	if zeros < 100 || zeros > 300 { // 200 expected; six standard deviations and more
		t.Errorf("%d of 2000 codes begin with 0", zeros)
	}
}

func TestMask(t *testing.T) {
	for in, want := range map[string]string{
		"camille@x.fr": "c•••@x.fr", "é@x.fr": "é•••@x.fr", "sans": "•••", "@x.fr": "•••", "": "•••",
	} {
		if got := mask(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
