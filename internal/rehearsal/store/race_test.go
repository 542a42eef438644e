package store_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"portillon/internal/rehearsal/store"
)

// racers is how many try the same at once, over as many processes as the engine can have.
const racers = 12

// race runs try in many goroutines at once, over two processes where the engine is shared,
// and says how many won.
func race(t *testing.T, open place, try func(db *store.DB, i int) (won bool, err error)) (winners int) {
	t.Helper()
	dbs := []*store.DB{open(t)}
	if dbs[0].Shared() {
		dbs = append(dbs, open(t))
	}
	defer func() {
		for _, db := range dbs {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		}
	}()
	var mu sync.Mutex
	var all sync.WaitGroup
	gate := make(chan struct{})
	for i := range racers {
		all.Go(func() {
			<-gate
			won, err := try(dbs[i%len(dbs)], i)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Errorf("%d: %v", i, err)
			}
			if won {
				winners++
			}
		})
	}
	close(gate)
	all.Wait()
	return winners
}

// arrange writes what a race needs.
func arrange(t *testing.T, open place, f func(*store.Tx) error) {
	t.Helper()
	db := open(t)
	write(t, db, f)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestOnce: of many who do at once what can be done once, one does.
func TestOnce(t *testing.T) {
	s := store.Session{JKT: "k", ClientID: "c", Subject: "s", Class: "*"}
	account := func(tx *store.Tx) error {
		in, err := tx.NewInserter()
		if err != nil {
			return err
		}
		_, err = in.AddPerson(person(1), store.Account{}, noon, time.Time{})
		return err
	}
	session := func(tx *store.Tx) error {
		s := s
		if err := errors.Join(account(tx), tx.InsertSession(&s, []byte("auth_session"), noon)); err != nil {
			return err
		}
		g := store.Grant{AccountID: 1, SessionID: 1, GrantedAt: noon, ExpiresAt: noon}
		return errors.Join(tx.InsertCode(s, store.Code{Salt: []byte("s"), MAC: []byte("m")}),
			tx.InsertAuthorizationCode([]byte("code"), store.AuthorizationCode{SessionID: 1, AccountID: 1}),
			tx.InsertGrant(&g), tx.InsertRefreshToken([]byte("token"), g.ID))
	}
	l := store.Link{ID: 1, Address: "lea@x.fr", CreatedAt: noon, ExpiresAt: noon}
	for name, c := range map[string]struct {
		before func(*store.Tx) error
		most   int
		try    func(tx *store.Tx, i int) (bool, error)
		alone  bool // a Write, not a Step
	}{
		"auth_session": {session, 1, func(tx *store.Tx, i int) (bool, error) {
			_, found, err := tx.RotateSession([]byte("auth_session"), "k", fmt.Appendf(nil, "next %d", i), noon, noon)
			return found, err
		}, false},
		"one-time code":   {session, 1, func(tx *store.Tx, _ int) (bool, error) { return tx.UseCode(1, noon) }, false},
		"code of a login": {session, 1, func(tx *store.Tx, _ int) (bool, error) { return tx.ClaimAuthorizationCode([]byte("code"), noon) }, false},
		"authorization code": {session, 1, func(tx *store.Tx, _ int) (bool, error) {
			c, _, err := tx.AuthorizationCode([]byte("code"))
			if err != nil || !c.UsedAt.IsZero() {
				return false, err
			}
			g := store.Grant{AccountID: 1, SessionID: 1}
			return true, errors.Join(tx.InsertGrant(&g), tx.UseAuthorizationCode([]byte("code"), g.ID, noon))
		}, false},
		"refresh token": {session, 1, func(tx *store.Tx, i int) (bool, error) {
			g, used, _, err := tx.GrantByRefreshToken([]byte("token"))
			if err != nil || !used.IsZero() {
				return false, err
			}
			return true, errors.Join(tx.UseRefreshToken([]byte("token"), noon), tx.InsertRefreshToken(fmt.Appendf(nil, "next %d", i), g.ID))
		}, false},
		"proof": {session, 1, func(tx *store.Tx, _ int) (bool, error) { return tx.UseProof([]byte("proof"), noon) }, false},
		"limit": {session, 3, func(tx *store.Tx, _ int) (bool, error) {
			n, _, _, err := tx.Events(s, store.Sent, noon.Add(-time.Hour))
			if err != nil || n >= 3 {
				return false, err
			}
			_, err = tx.AddEvent(s, store.Sent, noon)
			return true, err
		}, false},
		"new account's address": {account, 1, func(tx *store.Tx, i int) (bool, error) {
			in, err := tx.NewInserter()
			if err == nil {
				p := person(2 + i)
				p.Email = "partagee@courriel.example"
				_, err = in.AddPerson(p, store.Account{}, noon, time.Time{})
			}
			return err == nil, err
		}, true},
		"address": {account, 1, func(tx *store.Tx, _ int) (bool, error) {
			return true, tx.AddAddress(1, "partagee@courriel.example", noon, noon)
		}, true},
		"link": {func(tx *store.Tx) error { l := l; return tx.InsertLink(&l, []byte("l")) }, 1,
			func(tx *store.Tx, _ int) (bool, error) { return tx.UseLink(l, noon) }, true},
		"a change of a person": {account, 1, func(tx *store.Tx, _ int) (bool, error) {
			p := person(1)
			p.ID, p.Revision = 1, 1
			return true, tx.UpdatePerson(p)
		}, true},
		"demonstration": {account, 1, func(tx *store.Tx, _ int) (bool, error) {
			v, err := tx.Meta("demo")
			if err != nil || v != "" {
				return false, err
			}
			return true, tx.SetMeta("demo", "1")
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			onBothPlaces(t, func(t *testing.T, open place) {
				arrange(t, open, c.before)
				n := race(t, open, func(db *store.DB, i int) (won bool, err error) {
					run := db.Step
					if c.alone {
						run = db.Write
					}
					err = run(t.Context(), func(tx *store.Tx) (err error) {
						won, err = c.try(tx, i)
						return err
					})
					if errors.Is(err, store.ErrAddressTaken) || errors.Is(err, store.ErrChanged) {
						return false, nil // and nothing of it stays
					}
					return won, err
				})
				if n != c.most {
					t.Errorf("done %d times, want %d", n, c.most)
				}
			})
		})
	}
}

// TestDelivery: of many processes with time for a mail one has it, and as long as it has it
// nobody else does; one that dies meanwhile gives it back.
func TestDelivery(t *testing.T) {
	url := database(t)
	if url == "" {
		return
	}
	open := func(t testing.TB) *store.DB { return opened(t)(store.Connect(t.Context(), url)) }
	const mails = 30
	arrange(t, open, func(tx *store.Tx) (err error) {
		for range mails {
			err = errors.Join(err, tx.InsertMail(store.Mail{Sealed: []byte("x"), NotAfter: noon.Add(time.Hour)}, noon))
		}
		return err
	})
	var mu sync.Mutex
	sent := map[int64]int{}
	race(t, open, func(db *store.DB, _ int) (bool, error) {
		for {
			found, err := db.Deliver(t.Context(), noon, func(m store.Mail) (f store.Fate) {
				mu.Lock()
				defer mu.Unlock()
				if sent[m.ID]++; m.ID%5 == 0 && m.Tries == 0 {
					f.Next = noon // again, at once
				}
				return f
			})
			if err != nil || !found {
				return false, err
			}
		}
	})
	for id, n := range sent {
		if want := 1 + (5-int(id%5))/5; n != want {
			t.Errorf("mail %d was sent %d times, want %d", id, n, want)
		}
	}
	if len(sent) != mails {
		t.Errorf("%d mails of %d", len(sent), mails)
	}
}
