package people

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"portillon/internal/rehearsal/password"
	"portillon/internal/rehearsal/store"
)

// The storm accounts: StormAddress(1) to StormAddress(StormAccounts), one password.
const (
	StormAccounts      = 12000
	StormPassword      = "Tempete-2026!"
	StormAddressFormat = "tempete%05d@etu.univ-uness.fr"
)

// StormAddress is the address of the i-th storm account.
func StormAddress(i int) string { return fmt.Sprintf(StormAddressFormat, i) }

// Demo is one account of the demonstration. Its password is public.
type Demo struct {
	Address, Secondary, Name, Password, ExtraTime string
	Birth, StudentNumber, INE                     string // invented
	Blocked                                       bool
	Shows                                         string // what it is for, French
}

// Login is the name by which the demonstration's university knows the person:
// "cdurand".
func (d Demo) Login() string {
	given, family, _ := strings.Cut(d.Address[:strings.Index(d.Address, "@")], ".")
	return given[:1] + family
}

// Demos lists the demonstration's accounts.
func Demos() []Demo {
	return []Demo{
		{Address: "camille.durand@etu.univ-uness.fr", Birth: "2000-06-09", StudentNumber: "22100418", INE: "020441874GH", Name: "Camille Durand", Password: "Camille-2026!",
			Shows: "connexion ordinaire"},
		{Address: "yanis.benali@etu.univ-uness.fr", Birth: "2001-02-17", StudentNumber: "22100733", INE: "031778205KB", Secondary: "yanis.benali@courriel.example", Name: "Yanis Benali",
			Password: "Yanis-2026!", Shows: "adresse secondaire rattachée"},
		{Address: "lea.moreau@etu.univ-uness.fr", Birth: "2000-11-30", StudentNumber: "22101956", INE: "030562917FA", Name: "Léa Moreau", Shows: "mot de passe jamais créé"},
		{Address: "hugo.lefevre@etu.univ-uness.fr", Birth: "1999-08-04", StudentNumber: "21907342", INE: "012093856HC", Name: "Hugo Lefèvre", Password: "Hugo-2026!", ExtraTime: ExtraThird,
			Shows: "majoration de temps 1/3"},
		{Address: "ines.garcia@etu.univ-uness.fr", Birth: "2001-04-22", StudentNumber: "22102271", INE: "040815662JD", Name: "Inès Garcia", Password: "Ines-2026!", Blocked: true,
			Shows: "trop de tentatives"},
		{Address: "claire.petit@univ-uness.fr", Birth: "2000-01-15", StudentNumber: "22100087", INE: "029930141BE", Name: "Claire Petit", Password: "Claire-2026!",
			Shows: "connexion ordinaire, autre domaine"},
	}
}

// DemoStaff is one account of the demonstration's cockpit. Its password is public.
type DemoStaff struct {
	Login, Name, Password string
	Role                  store.Role
	Shows                 string // what it is for, French
}

// DemoStaffs lists the demonstration's staff.
func DemoStaffs() []DemoStaff {
	return []DemoStaff{
		{"scolarite", "Nadia Fontaine", "Scolarite-2026!", store.RoleManager, "cockpit\u00a0: consulter et modifier"},
		{"surveillant", "Paul Mercier", "Surveillant-2026!", store.RoleReader, "cockpit\u00a0: consulter"},
		{"responsable", "Anne Rousseau", "Responsable-2026!", store.RoleAdmin, "cockpit\u00a0: modifier, lire le journal"},
	}
}

// metaDemo marks a database whose passwords are public.
const metaDemo = "demo"

var (
	// ErrDemoData: a demonstration's database is not to be served as a real one.
	ErrDemoData = errors.New("its accounts are the demonstration's, with public passwords: use --demo or another data directory")
	// ErrRealData: real accounts are not to be mixed with public passwords.
	ErrRealData = errors.New("it holds real accounts: --demo needs a data directory of its own")
)

// CheckReal fails with ErrDemoData on a demonstration's database.
func CheckReal(ctx context.Context, db *store.DB) error {
	return db.Read(ctx, func(tx *store.Tx) error {
		v, err := tx.Meta(metaDemo)
		if err == nil && v != "" {
			err = ErrDemoData
		}
		return err
	})
}

// SeedDemo makes the demonstration's accounts, once per database, in one
// transaction. It fails with ErrRealData where there are others.
func SeedDemo(ctx context.Context, db *store.DB, now time.Time) error {
	hashes := make(map[string]string)
	for _, d := range Demos() {
		if d.Password != "" {
			hashes[d.Address] = password.Hash(d.Password)
		}
	}
	storm := password.Hash(StormPassword)
	for _, d := range DemoStaffs() {
		hashes[d.Login] = password.Hash(d.Password)
	}
	return db.Write(ctx, func(tx *store.Tx) error {
		v, err := tx.Meta(metaDemo)
		if err != nil || v != "" {
			return err
		}
		if n, err := tx.Accounts(); err != nil {
			return err
		} else if n > 0 {
			return ErrRealData
		}
		if err := seedStudents(tx, hashes, storm, now); err != nil {
			return err
		}
		for _, d := range DemoStaffs() {
			if err := tx.AddStaff(store.Staff{Login: d.Login, Name: d.Name, Role: d.Role, Password: hashes[d.Login]}, now); err != nil {
				return err
			}
		}
		return tx.SetMeta(metaDemo, "1")
	})
}

// seedStudents adds the demonstration's students and those for storms.
func seedStudents(tx *store.Tx, hashes map[string]string, storm string, now time.Time) error {
	in, err := tx.NewInserter()
	if err != nil {
		return err
	}
	for _, d := range Demos() {
		a := store.Account{Sub: NewSub(), Name: d.Name, ExtraTime: d.ExtraTime, Password: hashes[d.Address]}
		if d.Blocked {
			a.BlockedUntil = now.AddDate(100, 0, 0)
		}
		p := store.PersonOf(a)
		p.Birth, p.StudentNumber, p.INE, p.Email = d.Birth, d.StudentNumber, d.INE, d.Address
		if d.Secondary != "" {
			p.Secondary = []store.Address{{Text: d.Secondary}}
		}
		if _, err := in.AddPerson(p, a, now, time.Time{}); err != nil {
			return err
		}
	}
	for i := range StormAccounts {
		p := StormPerson(i + 1)
		p.Sub = NewSub()
		if _, err := in.AddPerson(p, store.Account{Password: storm}, now, time.Time{}); err != nil {
			return err
		}
	}
	return nil
}

// PrintDemo writes the table of accounts for people.
func PrintDemo(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "COMPTES DE DÉMONSTRATION\tMOT DE PASSE\tMONTRE")
	for _, d := range Demos() {
		pw := d.Password
		if pw == "" {
			pw = "–"
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\n", d.Address, pw, d.Shows)
		if d.Secondary != "" {
			fmt.Fprintf(tw, "%s\t%s\t%s\n", d.Secondary, pw, "la même personne, par son adresse secondaire")
		}
	}
	for _, d := range DemoStaffs() {
		fmt.Fprintf(tw, "%s\t%s\t%s\n", d.Login, d.Password, d.Shows)
	}
	fmt.Fprintf(tw, "%s … %s\t%s\t%s\n", StormAddress(1), StormAddress(StormAccounts), StormPassword, "tempête de connexions")
	return tw.Flush()
}
