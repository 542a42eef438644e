package store_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"portillon/internal/rehearsal/store"
)

var noon = time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)

func write(t *testing.T, db *store.DB, f func(*store.Tx) error) {
	t.Helper()
	if err := db.Write(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}

func TestFileIsPrivate(t *testing.T) {
	dir := t.TempDir()
	db, err := store.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	write(t, db, func(tx *store.Tx) error { return tx.SetMeta("a", "b") })
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if info, err := f.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v (%v), want 0600", f.Name(), info.Mode().Perm(), err)
		}
	}
}

func TestFailedWriteLeavesNothing(t *testing.T) { onBoth(t, failedWriteLeavesNothing) }

func failedWriteLeavesNothing(t *testing.T, db *store.DB) {
	stop := errors.New("stop")
	err := db.Write(t.Context(), func(tx *store.Tx) error {
		return errors.Join(tx.SetMeta("a", "b"), stop)
	})
	if !errors.Is(err, stop) {
		t.Fatalf("got %v", err)
	}
	err = db.Read(t.Context(), func(tx *store.Tx) error {
		if v, err := tx.Meta("a"); err != nil || v != "" {
			t.Errorf("%q, %v", v, err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestNormalise(t *testing.T) {
	for in, want := range map[string]string{
		" Prenom.Nom@Univ-UNESS.fr ": "prenom.nom@univ-uness.fr",
		"e\u0301@x.fr":               "é@x.fr",
	} {
		if got := store.Normalise(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestRotateSession(t *testing.T) { onBoth(t, rotateSession) }

func rotateSession(t *testing.T, db *store.DB) {
	s := store.Session{JKT: "k", ClientID: "c", Subject: "s", Class: "*"}
	write(t, db, func(tx *store.Tx) error { return tx.InsertSession(&s, []byte("un"), noon) })
	rotate := func(hash, jkt, next string, at time.Time) (found bool) {
		write(t, db, func(tx *store.Tx) (err error) {
			_, found, err = tx.RotateSession([]byte(hash), jkt, []byte(next), at.Add(-time.Hour), at)
			return err
		})
		return found
	}
	if rotate("un", "autre", "x", noon) || rotate("un", "k", "x", noon.Add(2*time.Hour)) {
		t.Error("found with another key, or idle for too long")
	}
	if !rotate("un", "k", "deux", noon) || rotate("un", "k", "trois", noon) || !rotate("deux", "k", "trois", noon) {
		t.Error("only the newest name finds a session, once")
	}
}

func TestPurge(t *testing.T) { onBoth(t, purge) }

func purge(t *testing.T, db *store.DB) {
	old, recent := noon.Add(-48*time.Hour), noon.Add(-time.Minute)
	write(t, db, func(tx *store.Tx) error {
		for i, at := range []time.Time{old, recent} {
			s := store.Session{JKT: "k", Subject: "s", Class: "*"}
			if err := tx.InsertSession(&s, []byte{byte(i)}, at); err != nil {
				return err
			}
			if err := tx.InsertCode(s, store.Code{Salt: []byte("s"), MAC: []byte("m"), SentAt: at, ExpiresAt: at}); err != nil {
				return err
			}
			if _, err := tx.AddEvent(s, store.WrongCode, at); err != nil {
				return err
			}
			if err := tx.InsertMail(store.Mail{Sealed: []byte("x"), NotAfter: at.Add(time.Hour)}, at); err != nil {
				return err
			}
		}
		return nil
	})
	write(t, db, func(tx *store.Tx) error {
		p, err := tx.Purge(noon, noon.Add(-time.Hour), noon.Add(-24*time.Hour))
		if want := (store.Purged{Sessions: 1, Events: 1, Mails: 1}); p != want {
			t.Errorf("purged %+v, want %+v", p, want)
		}
		return err
	})
	write(t, db, func(tx *store.Tx) error {
		left, err := tx.Codes(store.Session{Subject: "s", Class: "*"})
		if len(left) != 1 {
			t.Errorf("%d codes left, want the recent session's", len(left))
		}
		return err
	})
}

func TestTextFileIsNoDatabase(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, store.File), []byte("not a database, but long enough to look like one to a careless reader"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Open(t.Context(), dir); err == nil {
		t.Error("a text file was opened as a database")
	}
}
