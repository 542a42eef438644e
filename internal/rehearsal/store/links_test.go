package store_test

import (
	"testing"
	"time"

	"portillon/internal/rehearsal/store"
)

func TestLinks(t *testing.T) { onBoth(t, links) }

func links(t *testing.T, db *store.DB) {
	insert := func(hash, address string, at time.Time) store.Link {
		l := store.Link{Address: address, Name: "Léa", CreatedAt: at, ExpiresAt: at.Add(24 * time.Hour)}
		write(t, db, func(tx *store.Tx) error { return tx.InsertLink(&l, []byte(hash)) })
		return l
	}
	use := func(l store.Link) (first bool) {
		write(t, db, func(tx *store.Tx) (err error) {
			first, err = tx.UseLink(l, noon.Add(time.Hour))
			return err
		})
		return first
	}
	one, two := insert("1", " Lea@x.fr ", noon), insert("2", "lea@x.fr", noon.Add(time.Minute))
	other := insert("3", "yanis@x.fr", noon)
	write(t, db, func(tx *store.Tx) error {
		if n, last, err := tx.Links("LEA@x.fr", noon.Add(-time.Second)); err != nil || n != 2 || !last.Equal(noon.Add(time.Minute)) {
			t.Errorf("%d links, last %v (%v)", n, last, err)
		}
		for _, hash := range []string{"1", "2", "3"} { // asking again breaks nothing
			if l, found, err := tx.LinkByHash([]byte(hash)); err != nil || !found || l.Spent() {
				t.Errorf("%s: %+v %v %v", hash, l, found, err)
			}
		}
		return nil
	})
	if !use(one) || use(one) || use(two) {
		t.Error("of two links to one address, one is used, once")
	}
	if !use(other) {
		t.Error("another's link went with them")
	}
	write(t, db, func(tx *store.Tx) error {
		if l, _, err := tx.LinkByID(two.ID); err != nil || !l.UsedAt.IsZero() || l.VoidAt.IsZero() {
			t.Errorf("%+v (%v)", l, err)
		}
		return nil
	})
}
