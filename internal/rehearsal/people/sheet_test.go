package people_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/encoding/charmap"

	"portillon/internal/identity"
	"portillon/internal/rehearsal/people"
	"portillon/internal/rehearsal/store"
)

var now = time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)

const table = "Prénom;Nom;Date de naissance;Numéro étudiant;Adresse email;Majoration de temps;Adresses email secondaires\r\n" +
	"Agathe;FEELING;09-06-2000;22100001;Agathe.Feeling@etu.univ-uness.fr;1/3 temps;agathe@courriel.example a.f@courriel.example\r\n" +
	"\"Noémie\";\"L’Hôte née Cœur\";;;noemie@univ-uness.fr;;\r\n\r\n"

func TestReadSheet(t *testing.T) {
	western, err := charmap.Windows1252.NewEncoder().String(table)
	if err != nil {
		t.Fatal(err)
	}
	var wide bytes.Buffer
	wide.WriteString("\xff\xfe")
	for _, r := range table {
		wide.Write([]byte{byte(r), byte(r >> 8)})
	}
	for name, content := range map[string]string{
		"UTF-8": table, "with a mark": "\uFEFF" + table, "Windows-1252": western, "UTF-16": wide.String(),
		"told the separator": "sep=;\r\n" + table,
	} {
		s, err := people.ReadSheet([]byte(content), now)
		if err != nil || len(s.Faults) > 0 {
			t.Errorf("%s: %v %v", name, err, s.Faults)
			continue
		}
		if len(s.Rows) != 2 || s.Rows[0].Person.Email != "agathe.feeling@etu.univ-uness.fr" || s.Rows[0].Person.Birth != "2000-06-09" ||
			s.Rows[0].Person.ExtraTime != people.ExtraThird || len(s.Rows[0].Person.Secondary) != 2 || s.Rows[1].Person.Family != "L’Hôte née Cœur" {
			t.Errorf("%s: %+v", name, s.Rows)
		}
	}
	comma := "first name,last name,e-mail\nJean,\"Petit, Martin\",jean@univ-uness.fr\n"
	if s, err := people.ReadSheet([]byte(comma), now); err != nil || len(s.Rows) != 1 || s.Rows[0].Person.Family != "Petit, Martin" {
		t.Errorf("commas: %v %+v", err, s)
	}
}

func TestFaultsNameTheirCell(t *testing.T) {
	s, err := people.ReadSheet([]byte("Prénom;Nom;Adresse email;INE;Date de naissance;Majoration\n"+
		"Agathe;FEELING;agathe@univ-uness.fr;020441874GH;09-06-2000;\n"+ // line 2, fine
		";<script>;agathe;12;31-02-2000;2/3\n"+ // line 3
		"Zoé;Noël;AGATHE@univ-uness.fr;020441874gh;;\n"+ // line 4: repeats line 2
		"Une;Deux\n"+ // line 5
		"Un;\"Deux\"trois;x@y.fr;;;\n"), now) // line 6
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range s.Faults {
		got = append(got, strings.Join([]string{string(rune('0' + f.Line)), string(f.Column), string(f.Fault)}, " "))
	}
	want := []string{"3 birth date", "3 email address", "3 extra extra", "3 family character", "3 given missing", "3 ine ine",
		"4 email twice", "4 ine twice", "5  cells", "6  quote"}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	for name, content := range map[string]string{
		"empty": "", "unknown column": "Prénom;Nom;Adresse email;Groupe\n", "twice": "Prénom;Nom;Email;Mail\n", "missing": "Prénom;Nom\n",
		"no header": "Agathe;FEELING;a@b.fr\n",
	} {
		if _, err := people.ReadSheet([]byte(content), now); !errors.Is(err, people.ErrCSV) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestExportIsNoFormula: no cell of an export is calculated by a spreadsheet, and an
// import reads back what was exported.
func TestExportIsNoFormula(t *testing.T) {
	hostile := []string{`=HYPERLINK("http://evil","x")`, "+33", "-1", "@SUM(A1)", "\t=1", "＝1", "|calc", "%0A"}
	for _, h := range hostile {
		p := store.Person{Given: h, Family: "X", Email: "=cmd@univ-uness.fr", StudentNumber: "-12"}
		var b bytes.Buffer
		err := people.Export(&b, []store.Person{p}, func(c store.Column) string { return string(c) }, func(p store.Person, c store.Column) string {
			switch c {
			case store.ColumnGiven:
				return p.Given
			case store.ColumnFamily:
				return p.Family
			case store.ColumnEmail:
				return p.Email
			case store.ColumnStudent:
				return p.StudentNumber
			}
			return ""
		})
		if err != nil {
			t.Fatal(err)
		}
		for cell := range strings.SplitSeq(strings.Split(b.String(), "\r\n")[1], ";") {
			if c := strings.TrimLeft(cell, `"`); c != "" && strings.ContainsAny(c[:1], "=+-@\t|%") {
				t.Errorf("%q: cell %q would be calculated", h, cell)
			}
		}
		s, err := people.ReadSheet([]byte(strings.Replace(b.String(), people.Cell(h), "Agathe", 1)), now)
		if h[0] != '=' && (err != nil || len(s.Rows) != 1 || s.Rows[0].Person.Email != "=cmd@univ-uness.fr" || s.Rows[0].Person.StudentNumber != "-12") {
			t.Errorf("%q: read back as %+v %v (%v)", h, s.Rows, s.Faults, err)
		}
	}
}

// FuzzReadSheet: no file brings the service down, and every person it lets pass keeps the
// rules.
func FuzzReadSheet(f *testing.F) {
	for _, s := range []string{table, "", "\xff\xfe", "sep=", "sep=\n", "a;b\n\"", "Prénom;Nom;Email\n';=;@\n", "\xe9;\x81\n", "name,address\nA,a@b.fr\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		s, err := people.ReadSheet(content, now)
		if err != nil && !errors.Is(err, people.ErrCSV) {
			t.Errorf("%v", err)
		}
		for _, r := range s.Rows {
			if _, bad := people.Check(r.Person, now); len(bad) > 0 && bad[store.ColumnFamily] == "" {
				t.Errorf("%+v: %v", r, bad)
			}
		}
	})
}

// FuzzAddress: what the cockpit attaches, the tablet lets be typed.
func FuzzAddress(f *testing.F) {
	for _, s := range []string{"a@b.fr", "A.B-c_d@etu.univ-uness.fr", "é@univ.fr", "a@@b.fr", "a..b@c.fr", "a@b", "a@-b.fr", " a@b.fr ", "a b@c.fr", "a@b_c.fr", "İ@x.fr"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		text, fault := people.CheckAddress(s)
		if fault != "" {
			return
		}
		if _, err := identity.ParseEmail(text); err != nil {
			t.Errorf("%q: the tablet refuses it: %v", text, err)
		}
	})
}
