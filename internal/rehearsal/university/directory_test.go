package university_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"portillon/internal/rehearsal/university"
)

func france(t *testing.T) *university.Directory {
	t.Helper()
	d, err := university.France()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func ids(list []university.University) (out []string) {
	for _, u := range list {
		out = append(out, u.ID)
	}
	return out
}

func TestFrance(t *testing.T) {
	d := france(t)
	owner := map[string]string{}
	for _, u := range d.All() {
		for _, domain := range u.Domains {
			if other := owner[domain]; other != "" {
				t.Errorf("%s is claimed by %s and %s", domain, other, u.ID)
			}
			owner[domain] = u.ID
		}
	}
	if len(d.All()) < 60 {
		t.Errorf("%d universities", len(d.All()))
	}
}

// TestNear has the guide's own example, and what is no more alike than «Université».
func TestNear(t *testing.T) {
	d := france(t)
	for _, c := range []struct {
		id    string
		first string // "": none
	}{
		{"sorbonne", "sorbonne-nouvelle"},
		{"rennes", "rennes-2"}, {"rennes-2", "rennes"},
		{"lyon-1", "lyon-2"}, {"cote-azur", "cote-opale"},
		{"montpellier", "montpellier-3"}, {"bordeaux", "bordeaux-montaigne"},
		{"limoges", ""}, {"strasbourg", ""}, {"saint-etienne", ""},
	} {
		u, ok := d.Get(c.id)
		if !ok {
			t.Fatalf("no %s", c.id)
		}
		near := ids(d.Near(u))
		if c.first == "" && len(near) > 0 || c.first != "" && !slices.Contains(near, c.first) {
			t.Errorf("%s: near %v, want %q", c.id, near, c.first)
		}
	}
	for _, pair := range [][2]string{{"sorbonne", "sorbonne-paris-nord"}, {"sorbonne-paris-nord", "sorbonne"}} {
		u, _ := d.Get(pair[0])
		if near := ids(d.Near(u)); !slices.Contains(near, pair[1]) {
			t.Errorf("the guide's own example: %s is near %v", pair[0], near)
		}
	}
}

func TestSearch(t *testing.T) {
	d := france(t)
	for query, want := range map[string]string{
		"sorbonne nord": "sorbonne-paris-nord", "  ÉTIENNE ": "saint-etienne", "upec": "creteil",
		"paris 13": "sorbonne-paris-nord", "univ-rouen.fr": "rouen", "cote d’opale": "cote-opale",
	} {
		if got := ids(d.Search(query)); !slices.Contains(got, want) || len(got) > 2 {
			t.Errorf("%q: %v, want %s", query, got, want)
		}
	}
	if got := d.Search("xyzzy"); len(got) > 0 {
		t.Errorf("xyzzy: %v", ids(got))
	}
	if got := d.Search("<script>"); len(got) > 0 {
		t.Errorf("markup: %v", ids(got))
	}
	if len(d.Search("")) != len(d.All()) {
		t.Error("nothing typed hides universities")
	}
}

func TestByAddress(t *testing.T) {
	d := france(t)
	for address, want := range map[string]string{
		"prenom.nom@etu.unilim.fr": "limoges", "prenom.nom@UNIV-ROUEN.fr ": "rouen", "a@sorbonne-universite.fr": "sorbonne",
		"a@etudiant.univ-rennes.fr": "rennes", "a@univ-rennes2.fr": "rennes-2",
		"a@gmail.com": "", "a@notuniv-rouen.fr": "", "univ-rouen.fr": "", "": "", "a@univ-rouen.fr.example": "",
	} {
		if u, _ := d.ByAddress(address); u.ID != want {
			t.Errorf("%q: %q, want %q", address, u.ID, want)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	const head = "id,name,also,domains\n"
	for _, bad := range []string{
		"", "id,name\n", head + "a,b\n", head + "A,Name,,x.fr\n", head + "a,,,x.fr\n", head + "a,Name,,\n",
		head + "a,Name,,x.fr\na,Name,,y.fr\n", head + "../a,Name,,x.fr\n",
	} {
		if _, err := university.Read(strings.NewReader(bad)); !errors.Is(err, university.ErrDirectory) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
