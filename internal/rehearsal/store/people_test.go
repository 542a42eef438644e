package store_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"portillon/internal/procedure"
	"portillon/internal/rehearsal/store"
)

// person is somebody to try things with.
func person(i int) store.Person {
	return store.Person{
		Sub: fmt.Sprintf("sub%05d", i), Given: []string{"Agathe", "Élodie", "Noé", "Jean-Baptiste"}[i%4], Family: fmt.Sprintf("Œuvrard%05d", i),
		Birth: "2000-06-09", StudentNumber: fmt.Sprintf("22%06d", i), Email: fmt.Sprintf("etudiant%05d@etu.univ-uness.fr", i),
	}
}

func add(t testing.TB, db *store.DB, people ...store.Person) {
	t.Helper()
	err := db.Write(t.Context(), func(tx *store.Tx) error {
		in, err := tx.NewInserter()
		for _, p := range people {
			if err == nil {
				_, err = in.AddPerson(p, store.Account{}, noon, time.Time{})
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestSlots lives a quarter of an hour: an address is known from the next slot on and
// not a moment before, one taken away until then and not a moment longer, and a service
// that was down meanwhile knows the same.
func TestSlots(t *testing.T) {
	for _, every := range []time.Duration{procedure.Slot, time.Minute} {
		t.Run(every.String(), func(t *testing.T) {
			onBothPlaces(t, func(t *testing.T, p place) { synctest.Test(t, func(t *testing.T) { slots(t, p, every) }) })
		})
	}
}

func slots(t *testing.T, open place, every time.Duration) {
	db := open(t)
	add(t, db, person(1))
	knows := func(address string) (known bool) {
		t.Helper()
		err := db.Read(t.Context(), func(tx *store.Tx) (err error) {
			_, known, err = tx.AccountByAddress(address, time.Now())
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return known
	}
	restart := func() {
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		db = open(t)
	}
	const address = "agathe@courriel.example"
	change := func(f func(*store.Tx, time.Time) error) (slot time.Time) {
		t.Helper()
		slot = procedure.NextOf(time.Now(), every)
		write(t, db, func(tx *store.Tx) error { return f(tx, slot) })
		return slot
	}
	attach := func(tx *store.Tx, at time.Time) error { return tx.AddAddress(1, address, time.Now(), at) }
	detach := func(tx *store.Tx, at time.Time) error {
		_, err := tx.RemoveAddress(1, address, time.Now(), at)
		return err
	}

	time.Sleep(every / 2)
	slot := change(attach)
	if time.Until(slot) != every/2 || slot.Truncate(every) != slot {
		t.Errorf("the next slot is %s from %s", slot, time.Now())
	}
	time.Sleep(time.Until(slot) - time.Millisecond)
	if knows(address) {
		t.Error("known before the slot")
	}
	restart()
	time.Sleep(time.Millisecond)
	if !knows(address) {
		t.Error("not known at the slot")
	}
	slot = change(detach)
	time.Sleep(time.Until(slot) - time.Millisecond)
	if !knows(address) {
		t.Error("gone before the slot")
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Hour) // down across the boundary
	db = open(t)
	if knows(address) {
		t.Error("still known after the slot")
	}
	// Added and taken away within one slot: never known.
	change(attach)
	change(detach)
	time.Sleep(every)
	if knows(address) {
		t.Error("known although it was taken away before its slot")
	}
	// Taken away and given back within one slot: known all along.
	slot = change(attach)
	time.Sleep(time.Until(slot))
	change(detach)
	change(attach)
	for range 4 {
		if !knows(address) {
			t.Error("not known although it was given back")
		}
		time.Sleep(every / 2)
	}
	restart()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestOneAddressOneAccount(t *testing.T) { onBoth(t, oneAddressOneAccount) }

func oneAddressOneAccount(t *testing.T, db *store.DB) {
	add(t, db, person(1), person(2))
	slot := noon.Add(15 * time.Minute)
	try := func(want error, f func(*store.Tx) error) {
		t.Helper()
		if err := db.Write(t.Context(), f); !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	}
	try(nil, func(tx *store.Tx) error { return tx.AddAddress(1, " Partagee@Courriel.example", noon, slot) })
	for _, id := range []int64{1, 2} {
		try(store.ErrAddressTaken, func(tx *store.Tx) error { return tx.AddAddress(id, "partagee@courriel.example", noon, slot) })
	}
	try(store.ErrAddressTaken, func(tx *store.Tx) error { return tx.AddAddress(2, person(1).Email, noon, slot) })
	try(store.ErrAddressTaken, func(tx *store.Tx) error { return tx.SetEmail(2, person(1).Email, noon, slot) })
	// Taken from one, it is free for another once the login has forgotten it.
	later, next := noon.Add(20*time.Minute), noon.Add(30*time.Minute)
	try(nil, func(tx *store.Tx) error {
		_, err := tx.RemoveAddress(1, "partagee@courriel.example", later, next)
		return err
	})
	try(store.ErrAddressLeaving, func(tx *store.Tx) error { return tx.AddAddress(2, "partagee@courriel.example", later, next) })
	try(nil, func(tx *store.Tx) error {
		return tx.AddAddress(2, "partagee@courriel.example", next, next.Add(15*time.Minute))
	})
}

func TestSetEmail(t *testing.T) { onBoth(t, setEmail) }

func setEmail(t *testing.T, db *store.DB) {
	add(t, db, person(1))
	old, fresh, slot := person(1).Email, "nouvelle@univ-uness.fr", noon.Add(15*time.Minute)
	write(t, db, func(tx *store.Tx) error { return tx.SetEmail(1, fresh, noon, slot) })
	for address, known := range map[string][2]bool{old: {true, false}, fresh: {false, true}} {
		for i, at := range []time.Time{slot.Add(-time.Millisecond), slot} {
			write(t, db, func(tx *store.Tx) error {
				_, found, err := tx.AccountByAddress(address, at)
				if found != known[i] {
					t.Errorf("%s at %s: known %v", address, at, found)
				}
				return err
			})
		}
	}
}

func TestSearch(t *testing.T) { onBoth(t, search) }

func search(t *testing.T, db *store.DB) {
	a, b, c := person(1), person(2), person(3)
	a.Given, a.Family, a.ExtraTime = "Agathe", "FEELING", "1/3"
	b.Given, b.Family, b.Secondary = "Cœur-Élise", "d’Œuvre", []store.Address{{Text: "elise@courriel.example"}}
	c.Given, c.Family, c.INE = "Łukasz", "Straße", "020441874GH"
	add(t, db, a, b, c)
	for name, q := range map[string]struct {
		search store.Search
		want   []string
	}{
		"everybody":         {store.Search{}, []string{"d’Œuvre", "FEELING", "Straße"}},
		"case":              {store.Search{Text: "feeLING agathe"}, []string{"FEELING"}},
		"accents":           {store.Search{Text: "coeur elise oeuvre"}, []string{"d’Œuvre"}},
		"accents typed":     {store.Search{Text: "Élise"}, []string{"d’Œuvre"}},
		"other letters":     {store.Search{Text: "lukasz strasse"}, []string{"Straße"}},
		"secondary":         {store.Search{Text: "elise@courriel"}, []string{"d’Œuvre"}},
		"number":            {store.Search{Text: "020441"}, []string{"Straße"}},
		"birth":             {store.Search{Text: "09-06-2000 agathe"}, []string{"FEELING"}},
		"nobody":            {store.Search{Text: "agathe strasse"}, nil},
		"within a word":     {store.Search{Text: "gathe"}, nil},
		"column":            {store.Search{Filters: map[store.Column]string{store.ColumnFamily: "fee"}}, []string{"FEELING"}},
		"another column":    {store.Search{Filters: map[store.Column]string{store.ColumnGiven: "fee"}}, nil},
		"extra time":        {store.Search{Filters: map[store.Column]string{store.ColumnExtra: "1/3"}}, []string{"FEELING"}},
		"no extra time":     {store.Search{Filters: map[store.Column]string{store.ColumnExtra: store.NoExtraTime}}, []string{"d’Œuvre", "Straße"}},
		"by e-mail, down":   {store.Search{Sort: store.ColumnEmail, Down: true}, []string{"Straße", "d’Œuvre", "FEELING"}},
		"signs alone":       {store.Search{Text: `"'*()^:-;%_`}, []string{"d’Œuvre", "FEELING", "Straße"}},
		"operators":         {store.Search{Text: `agathe OR elise`}, nil},
		"a closing bracket": {store.Search{Text: `fee") OR ("`}, nil},
		"SQL":               {store.Search{Text: `' OR 1=1 --`}, nil},
		"not a column":      {store.Search{Sort: "family; DROP TABLE accounts"}, []string{"d’Œuvre", "FEELING", "Straße"}},
	} {
		q.search.Limit = 10
		err := db.Read(t.Context(), func(tx *store.Tx) error {
			got, total, err := tx.SearchPeople(q.search)
			var names []string
			for _, p := range got {
				names = append(names, p.Family)
			}
			if q.search.Sort == "" && q.search.Text == "" {
				slices.Sort(names)
				slices.Sort(q.want)
			}
			if !slices.Equal(names, q.want) || total != len(q.want) {
				t.Errorf("%s: %q (%d), want %q", name, names, total, q.want)
			}
			return err
		})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestGlance: a question that finds many has the same pages as one that sorts them all.
func TestGlance(t *testing.T) { onBoth(t, glance) }

func glance(t *testing.T, db *store.DB) {
	var list []store.Person
	for i := range 4600 {
		p := person(i)
		if i%10 != 0 {
			p.Secondary = []store.Address{{Text: fmt.Sprintf("zoe%d@courriel.example", i)}}
		} else {
			p.Given = "Zoé"
		}
		if i%5 == 0 {
			p.ExtraTime = "1/3"
		}
		list = append(list, p)
	}
	add(t, db, list...)
	for _, q := range []store.Search{
		{Text: "etu"}, {Text: "e uness"}, {Text: "etu", Sort: store.ColumnEmail, Down: true}, {Text: "etu", Offset: 75},
		{Text: "oeuvr", Sort: store.ColumnGiven}, {Filters: map[store.Column]string{store.ColumnEmail: "etudiant"}},
		{Text: "zoe"}, {Text: "zoe courriel"}, {Text: "uness", Offset: 4590}, {Text: "etu", Filters: map[store.Column]string{store.ColumnExtra: store.NoExtraTime}},
	} {
		q.Limit = 25
		err := db.Read(t.Context(), func(tx *store.Tx) error {
			page, _, err := tx.SearchPeople(q)
			all := q
			all.Limit, all.Offset = 5000, 0 // more than a glance holds
			every, total, err2 := tx.SearchPeople(all)
			want := every[min(q.Offset, len(every)):min(q.Offset+25, len(every))]
			if total != len(every) || fmt.Sprint(page) != fmt.Sprint(want) {
				t.Errorf("%+v: %d of %d people, want %d of %d", q, len(page), total, len(want), len(every))
			}
			return errors.Join(err, err2)
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// FuzzSearch: whatever is typed is a question, never a mistake of the database.
func FuzzSearch(f *testing.F) {
	for _, s := range []string{"", "a", `"`, "a*b", "NEAR(a b)", "given : x", "\x00", "é\u0301", "ﬁ", strings.Repeat("a ", 50)} {
		f.Add(s, s)
	}
	var all []*store.DB
	for _, e := range engines() {
		if p := e.fresh(f); p != nil {
			db := p(f)
			f.Cleanup(func() { _ = db.Close() })
			add(f, db, person(1))
			all = append(all, db)
		}
	}
	f.Fuzz(func(t *testing.T, text, filter string) {
		for i, db := range all {
			err := db.Read(t.Context(), func(tx *store.Tx) error {
				_, _, err := tx.SearchPeople(store.Search{Text: text, Limit: 5, Filters: map[store.Column]string{store.ColumnFamily: filter, store.ColumnExtra: filter}})
				return err
			})
			if err != nil {
				t.Errorf("%s: %q, %q: %v", engines()[i].name, text, filter, err)
			}
		}
	})
}

func TestAuditIsAppendOnly(t *testing.T) { onBoth(t, auditIsAppendOnly) }

func auditIsAppendOnly(t *testing.T, db *store.DB) {
	write(t, db, func(tx *store.Tx) error {
		return errors.Join(tx.AddAudit(noon.AddDate(0, -13, 0), store.Entry{Actor: "nadia", Action: "update"}),
			tx.AddAudit(noon.AddDate(0, -11, 0), store.Entry{Actor: "paul", Action: "update"}))
	})
	for _, q := range []string{`UPDATE audit SET actor = 'nobody'`, `DELETE FROM audit`} {
		err := db.Write(t.Context(), func(tx *store.Tx) error { return tx.ExecForTest(q) })
		if err == nil || !strings.Contains(err.Error(), "append-only") {
			t.Errorf("%s: %v", q, err)
		}
	}
	write(t, db, func(tx *store.Tx) error {
		n, err := tx.PurgeAudit(noon)
		if n != 1 {
			t.Errorf("purged %d lines, want the one of more than 12 months ago", n)
		}
		left, err2 := tx.Audit("", 0, 10)
		if len(left) != 1 || left[0].Actor != "paul" {
			t.Errorf("left %+v", left)
		}
		return errors.Join(err, err2)
	})
}

// BenchmarkSearch types into the search field of a cockpit with 50,000 people, letter by
// letter, and reports the time of a page at the 50th and the 95th percentile. The limit
// to keep is 50 ms.
func BenchmarkSearch(b *testing.B) {
	for _, e := range engines() {
		b.Run(e.name, func(b *testing.B) {
			if p := e.fresh(b); p != nil {
				benchmarkSearch(b, p(b))
			}
		})
	}
}

func benchmarkSearch(b *testing.B, db *store.DB) {
	b.Cleanup(func() { _ = db.Close() })
	given := strings.Fields("Emma Jade Louise Alice Chloé Léna Manon Inès Zoé Camille Lucie Agathe Hugo Jules Arthur Nathan Théo Yanis")
	family := strings.Fields("Martin Bernard Petit Robert Durand Dubois Moreau Laurent Simon Michel Lefèvre Leroy Roux Garcia Feeling Noël Œuvrard")
	list := make([]store.Person, 50000)
	for i := range list {
		p := person(i)
		p.Given, p.Family = given[i%len(given)], fmt.Sprintf("%s-%s", family[i%len(family)], family[(i/len(family))%len(family)])
		p.Email = store.Fold(p.Given) + fmt.Sprintf(".%s%d@etu.univ-uness.fr", store.Fold(family[i%len(family)]), i)
		list[i] = p
	}
	add(b, db, list...)
	var questions []store.Search
	for _, typed := range []string{"agathe feeling", "élodie", "22049", "camille.durand12", "etu", "moreau léna", "zz"} {
		for i := range typed {
			questions = append(questions, store.Search{Text: typed[:i], Limit: 25})
		}
		questions = append(questions, store.Search{Text: typed, Limit: 25},
			store.Search{Text: typed, Limit: 25, Sort: store.ColumnEmail, Down: true},
			store.Search{Filters: map[store.Column]string{store.ColumnFamily: typed[:1]}, Limit: 25, Sort: store.ColumnGiven})
	}
	var took []time.Duration
	for i := 0; b.Loop(); i++ {
		begin := time.Now()
		err := db.Read(b.Context(), func(tx *store.Tx) error {
			_, _, err := tx.SearchPeople(questions[i%len(questions)])
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(begin))
	}
	slices.Sort(took)
	for _, q := range []int{50, 95, 99} {
		b.ReportMetric(float64(took[len(took)*q/100].Microseconds())/1000, fmt.Sprintf("p%d-ms", q))
	}
}
