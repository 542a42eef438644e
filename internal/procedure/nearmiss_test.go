package procedure

import (
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
)

func TestNearMiss(t *testing.T) {
	both := []string{"univ-uness.fr", "etu.univ-uness.fr"}
	for _, c := range []struct {
		typed   string
		domains []string
		want    string // empty: no suggestion
	}{
		{"prenom.nom@univ-uness.fr", both, ""},
		{"prenom.nom@etu.univ-uness.fr", both, ""},
		{"prenom.nom@univ-uness.fr", both[1:], "prenom.nom@etu.univ-uness.fr"},
		{"prenom.nom@etu.univ-uness.fr", both[:1], "prenom.nom@univ-uness.fr"},
		{"prenom.nom@etu-univ-uness.fr", both, "prenom.nom@etu.univ-uness.fr"},
		{"prenom.nom@etu.univ_uness.fr", both, "prenom.nom@etu.univ-uness.fr"},
		{"prenom.nom@univ.uness.fr", both, "prenom.nom@univ-uness.fr"},
		{"prenom.nom@univuness.fr", both, "prenom.nom@univ-uness.fr"},
		{"prenom.nom@uness.fr", both, "prenom.nom@univ-uness.fr"},
		{"prenom.nom@etu.uness.fr", both, "prenom.nom@etu.univ-uness.fr"},
		{"prenom.nom@univ-uness.etu.fr", both, "prenom.nom@etu.univ-uness.fr"},
		{"prenom.nom@univ-uness-etu.fr", both, "prenom.nom@etu.univ-uness.fr"},
		{"prenom.nom@univ-uness", both, "prenom.nom@univ-uness.fr"},
		{"prenom.nom@univ-uness.com", both, "prenom.nom@univ-uness.fr"},
		{"prenom.nom@univ-unses.fr", both, "prenom.nom@univ-uness.fr"},
		{"prenom.nom@univ-unes.fr", both, "prenom.nom@univ-uness.fr"},
		{"prenom.nom@tu.univ-uness.fr", both, "prenom.nom@etu.univ-uness.fr"},
		{"prenom.nom.etu@univ-uness.fr", both, "prenom.nom@etu.univ-uness.fr"},
		{"prenom.nom-etu@univ-uness.fr", both, "prenom.nom@etu.univ-uness.fr"},
		{"etu.prenom.nom@univ-uness.fr", both, "prenom.nom@etu.univ-uness.fr"},
		{"Prenom.Nom@UNIV-UNES.FR", both, "Prenom.Nom@univ-uness.fr"},
		{"etu@univ-uness.fr", both, ""},
		{"prenom.letu@univ-uness.fr", both, ""},
		{"prenom.nom.etu@univ-uness.fr", both[:1], ""}, // never guessed: nothing says etu is wrong here
		{"prenom.nom.etu@etu.univ-uness.fr", both, ""},
		{"prenom.nom@gmail.com", both, ""},
		{"prenom.nom@example.com", both, ""},
		{"prenom.nom@fr", []string{"cnam.fr"}, ""},
		{"p@univ-lyon.fr", []string{"univ-lyon1.fr", "univ-lyon2.fr"}, ""}, // either
		{"", both, ""}, {"@", both, ""}, {"a@", both, ""}, {"@univ-unes.fr", both, ""}, {"a@...", both, ""},
		{"prenom.nom@univ-unes.fr", nil, ""},
	} {
		got, ok := NearMiss(c.typed, c.domains)
		if got != c.want || ok != (c.want != "") {
			t.Errorf("NearMiss(%q, %q) = %q, %v, want %q", c.typed, c.domains, got, ok, c.want)
		}
	}
}

func universities(t *testing.T) []string {
	t.Helper()
	b, err := os.ReadFile("testdata/fr-university-domains.txt")
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(strings.Split(strings.TrimSpace(string(b)), "\n"),
		func(l string) bool { return strings.HasPrefix(l, "#") })
}

// centreOf is what a centre of that university would configure: staff, and students in
// one of the shapes in use (etu.univ-x.fr, etu-univ-x.fr, univ-x-etu.fr).
func centreOf(domain string) []string {
	if base, ok := strings.CutPrefix(domain, "etu."); ok {
		return []string{base, domain}
	}
	dot := strings.LastIndexByte(domain, '.')
	switch sum := len(domain) % 4; sum {
	case 0:
		return []string{domain, "etu-" + domain}
	case 1:
		return []string{domain, domain[:dot] + "-etu" + domain[dot:]}
	}
	return []string{domain, "etu." + domain}
}

// mistakes are the guide's, each as one change to a right address.
var mistakes = map[string]func(r *rand.Rand, local, domain string) (string, string){
	// Also the only word, which leaves «fr»: nothing is left to go by, and nothing is suggested.
	"word forgotten": func(r *rand.Rand, l, d string) (string, string) {
		w := words(d)
		return l, cut(d, w[r.IntN(len(w))])
	},
	"separator swapped": func(r *rand.Rand, l, d string) (string, string) {
		at := separators(d)
		i := at[r.IntN(len(at))]
		return l, d[:i] + string("._-"[r.IntN(3)]) + d[i+1:]
	},
	"separator forgotten": func(r *rand.Rand, l, d string) (string, string) {
		at := separators(d)
		i := at[r.IntN(len(at))]
		return l, d[:i] + d[i+1:]
	},
	"etu before the @": func(r *rand.Rand, l, d string) (string, string) {
		rest := cut(d, "etu")
		if rest == d {
			return l, d
		}
		sep := string("._-"[r.IntN(3)])
		if r.IntN(4) == 0 {
			return "etu" + sep + l, rest
		}
		return l + sep + "etu", rest
	},
	// .etu for -etu, and so on.
	"sign beside etu": func(r *rand.Rand, l, d string) (string, string) {
		for _, i := range separators(d) {
			if strings.HasSuffix(d[:i], "etu") || strings.HasPrefix(d[i+1:], "etu.") {
				return l, d[:i] + string("._-"[r.IntN(3)]) + d[i+1:]
			}
		}
		return l, d
	},
	"etu in another place": func(_ *rand.Rand, l, d string) (string, string) {
		w := words(d)
		i := slices.Index(w, "etu")
		if i < 0 {
			return l, d
		}
		rest := without(w, i)
		if i == 0 { // after the name instead of before it
			return l, strings.Join(rest[:len(rest)-1], "-") + ".etu." + rest[len(rest)-1]
		}
		return l, "etu." + strings.Join(rest[:len(rest)-1], "-") + "." + rest[len(rest)-1]
	},
	"ending forgotten": func(_ *rand.Rand, l, d string) (string, string) { return l, d[:strings.LastIndexByte(d, '.')] },
	"ending wrong": func(r *rand.Rand, l, d string) (string, string) {
		return l, d[:strings.LastIndexByte(d, '.')] + []string{".com", ".org", ".eu", ".be"}[r.IntN(4)]
	},
	"letter wrong": func(r *rand.Rand, l, d string) (string, string) {
		i := r.IntN(len(d))
		return l, d[:i] + string(rune('a'+r.IntN(26))) + d[i+1:]
	},
	"letter missing": func(r *rand.Rand, l, d string) (string, string) {
		i := r.IntN(len(d))
		return l, d[:i] + d[i+1:]
	},
	"letter added": func(r *rand.Rand, l, d string) (string, string) {
		i := r.IntN(len(d))
		return l, d[:i] + string(rune('a'+r.IntN(26))) + d[i:]
	},
	"letter doubled": func(r *rand.Rand, l, d string) (string, string) {
		i := r.IntN(len(d))
		return l, d[:i+1] + d[i:]
	},
	"letters swapped": func(r *rand.Rand, l, d string) (string, string) {
		i := r.IntN(len(d) - 1)
		return l, d[:i] + d[i+1:i+2] + d[i:i+1] + d[i+2:]
	},
}

// cut removes a word and one separator beside it.
func cut(domain, word string) string {
	for _, sep := range []string{".", "-", "_"} {
		if s := strings.Replace(domain, word+sep, "", 1); s != domain {
			return s
		}
	}
	return strings.TrimRight(strings.TrimSuffix(domain, word), "._-")
}

func separators(domain string) []int {
	var at []int
	for i, c := range domain {
		if strings.ContainsRune("._-", c) {
			at = append(at, i)
		}
	}
	return at
}

// TestMeasured makes 10,000 mistakes and types 10,000 right addresses, of the centre and
// of guests from other universities, over the domains of French higher education.
func TestMeasured(t *testing.T) {
	const n = 10_000
	all := universities(t)
	r := rand.New(rand.NewPCG(1, 2))
	kinds := make([]string, 0, len(mistakes))
	for k := range mistakes {
		kinds = append(kinds, k)
	}
	slices.Sort(kinds)
	made, corrected := map[string]int{}, map[string]int{}
	for total := 0; total < n; {
		centre := centreOf(all[r.IntN(len(all))])
		domain := centre[r.IntN(2)]
		kind := kinds[total%len(kinds)]
		local, typed := mistakes[kind](r, "prenom.nom", domain)
		if typed == domain || slices.Contains(centre, typed) && local == "prenom.nom" {
			continue // no mistake, or one that nobody could see
		}
		total++
		made[kind]++
		if got, ok := NearMiss(local+"@"+typed, centre); ok && got == "prenom.nom@"+domain {
			corrected[kind]++
		}
	}
	sum := 0
	for _, k := range kinds {
		sum += corrected[k]
		t.Logf("%-20s %5d of %5d corrected", k, corrected[k], made[k])
	}
	alarms := 0
	for range n {
		centre := centreOf(all[r.IntN(len(all))])
		typed := append(slices.Clone(centre), all[r.IntN(len(all))], all[r.IntN(len(all))])[r.IntN(4)]
		if _, ok := NearMiss("prenom.nom@"+typed, centre); ok {
			alarms++
		}
	}
	known := strings.Fields(providers)
	provider := 0
	for _, p := range known {
		for _, d := range all {
			if _, ok := NearMiss("prenom.nom@"+p, centreOf(d)); ok {
				provider++
			}
		}
	}
	t.Logf("%.2f %% of mistakes corrected, %.3f %% false alarms, %d of %d providers corrected",
		100*float64(sum)/n, 100*float64(alarms)/n, provider, len(known))
	if sum < n*98/100 || alarms >= n/1000 || provider > 0 || len(known) < 100 {
		t.Error("worse than 98 %, 0.1 %, 0 of at least 100 providers")
	}
}

func FuzzNearMiss(f *testing.F) {
	f.Add("prenom.nom@univ-uness.fr", "etu.univ-uness.fr", "univ-unes.fr")
	f.Fuzz(func(t *testing.T, address, a, b string) {
		got, ok := NearMiss(address, []string{a, b})
		if ok != (got != "") {
			t.Fatalf("%q, %v", got, ok)
		}
		if ok && !strings.HasSuffix(got, "@"+a) && !strings.HasSuffix(got, "@"+b) {
			t.Errorf("%q is of no configured domain", got)
		}
	})
}
