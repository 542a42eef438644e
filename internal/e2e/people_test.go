package e2e

import (
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"strings"
)

// person is somebody with an account, or who thinks so.
type person struct{ address, password, name string }

// The demonstration's people.
var (
	camille = person{"camille.durand@etu.univ-uness.fr", "Camille-2026!", "Camille Durand"}
	yanis   = person{"yanis.benali@courriel.example", "Yanis-2026!", "Yanis Benali"} // his secondary address
	lea     = person{"lea.moreau@etu.univ-uness.fr", "", "Léa Moreau"}               // no password yet
	hugo    = person{"hugo.lefevre@etu.univ-uness.fr", "Hugo-2026!", "Hugo Lefèvre"}
	claire  = person{"claire.petit@univ-uness.fr", "Claire-2026!", "Claire Petit"}
)

// The tests' own. Nobody's name, address or password is part of another's, so that a
// search for one finds that one.
var (
	zoe    = person{"zoe.nguyen@etu.univ-uness.fr", "Été à l'île #7", "Zoé Nguyen"}
	canary = person{"kanarienvogel@etu.univ-uness.fr", "Xylophon§Quarz9", "Kanari Vogel"}
	octave = person{"octave.symbole@etu.univ-uness.fr", everyCharacter(), "Octave Symbole"}
	agnes  = person{"agnes.lebrun@univ-uness.fr", "Fenêtre-ouverte8", "Agnès Lebrun"}
	dotted = person{"o'neil+exam_1.x-y@etu.univ-uness.fr", "Tiret-bas_1", "Dot O’Neil"}
)

// birds are people like the canary, for tests that ask for more codes than one person gets.
func birds() []person {
	var out []person
	for i := range 8 {
		out = append(out, person{fmt.Sprintf("wellensittich%d@etu.univ-uness.fr", i), fmt.Sprintf("Ypsilon§Krone%d", i), fmt.Sprintf("Sittich %d Well", i)})
	}
	return out
}

// everyCharacter is a password of 128 characters: all of printable ASCII, the space
// too, and 33 that French keyboards have beside it.
func everyCharacter() string {
	var b strings.Builder
	for r := '!'; r <= '~'; r++ {
		b.WriteRune(r)
	}
	b.WriteString(" éèêëàâäçæœùûüîïôöÿñßáíóúåø€£§°²µ«")
	return b.String()
}

func writePeople(path string) (err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := csv.NewWriter(f)
	rows := [][]string{{"address", "name", "password"}}
	for _, p := range append(birds(), zoe, canary, octave, agnes, dotted) {
		rows = append(rows, []string{p.address, p.name, p.password})
	}
	return w.WriteAll(rows)
}
