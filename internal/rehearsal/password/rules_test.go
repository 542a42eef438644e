package password_test

import (
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"portillon/internal/rehearsal/password"
	"portillon/internal/ui/field"
	"portillon/internal/ui/keyboard"
)

var lea = []string{"Léa Moreau", "lea.moreau@etu.univ-uness.fr"}

func TestJudge(t *testing.T) {
	for _, c := range []struct {
		password string
		want     password.Fault
	}{
		{"", password.FaultEmpty},
		{"x7Kp!mQ2vT", password.FaultShort},
		{"x7Kp!mQ2vT9z", password.FaultNone},
		{"le chat mange la souris", password.FaultNone},
		{"Éléphant-Tournesol-48", password.FaultNone},
		{" x7Kp!mQ2vT9z", password.FaultEdges},
		{"x7Kp!mQ2vT9z ", password.FaultEdges},
		{strings.Repeat("x7Kp!mQ2vT9z", 11), password.FaultLong},
		{"l’escalier vert 48", password.FaultCharacter},
		{"x7Kp!mQ2vT9\u00a0z", password.FaultCharacter},
		{"x7Kp!mQ2vT9\x00z", password.FaultCharacter},
		{"x7Kp!mQ2vT9😀z", password.FaultCharacter},
		{"x7Kp!mQ2vT9\xffz", password.FaultCharacter},
		{"azertyuiop12", password.FaultCommon},
		{"Password1234", password.FaultCommon},
		{"P@ssw0rd2026!", password.FaultCommon},
		{"Motdepasse2026!", password.FaultCommon},
		{"qsdfghjklmwx", password.FaultCommon},
		{"123456789012", password.FaultCommon},
		{"Médecine-2026!", password.FaultCommon},
		{"Lea.Moreau.26", password.FaultCommon},
		{"léaMOREAU2026", password.FaultCommon},
		{"aaaaaaaaaaaaaa", password.FaultCommon},
		{strings.Repeat("aB1!", 20), password.FaultCommon},
		{strings.Repeat("éà", 8), password.FaultCommon},
	} {
		if v := password.Judge(c.password, lea...); v.Fault != c.want {
			t.Errorf("%q: %q (%+v), want %q", c.password, v.Fault, v, c.want)
		}
	}
}

func TestJudgeNamesBadCharacters(t *testing.T) {
	v := password.Judge("l’été—l’hiver-48", lea...)
	if want := []rune("’—"); !slices.Equal(v.Bad, want) {
		t.Errorf("bad %q, want %q", string(v.Bad), string(want))
	}
}

// TestCompositionIsNoMatter: a letter and its accent, typed apart, are one character.
func TestCompositionIsNoMatter(t *testing.T) {
	composed := "é à ü tournesol 48"
	a, b := password.Judge(composed, lea...), password.Judge(norm.NFD.String(composed), lea...)
	if a.Fault != password.FaultNone || b.Fault != a.Fault || b.Length != a.Length || b.Strength != a.Strength {
		t.Errorf("%+v and %+v", a, b)
	}
}

// TestTabletTypesWhatThePortalAllows holds the portal's list and the tablet's keyboard
// together: a student must be able to type on exam day what was chosen weeks before.
func TestTabletTypesWhatThePortalAllows(t *testing.T) {
	keys := keyboard.Characters(keyboard.LayoutPassword)
	for _, r := range password.Characters() {
		if !slices.Contains(keys, r) {
			t.Errorf("%q may stand in a password and cannot be typed on the tablet", r)
		}
	}
	if password.MaxLength > field.MaxSecret || password.MaxLength*utf8.UTFMax > password.MaxBytes {
		t.Error("a password may be longer than the tablet's field")
	}
}

// TestCharactersStayThemselves: no normalisation makes one of another, and the specials
// are as many as the CNIL asks of a list to choose from (37).
func TestCharactersStayThemselves(t *testing.T) {
	all := password.Characters()
	if n := len(slices.Compact(slices.Clone(all))); n != len(all) {
		t.Errorf("%d characters, %d of them different", len(all), n)
	}
	for _, r := range all {
		if s := norm.NFC.String(string(r)); s != string(r) {
			t.Errorf("%q becomes %q", r, s)
		}
		if unicode.IsControl(r) || unicode.Is(unicode.Mn, r) {
			t.Errorf("%q cannot be seen", r)
		}
	}
	if n := utf8.RuneCountInString(password.Specials); n < 37 {
		t.Errorf("%d specials, want 37 at least", n)
	}
}

func FuzzJudge(f *testing.F) {
	for _, s := range []string{"", "x7Kp!mQ2vT9z", "l’été", "\xff\xfe", strings.Repeat("é", 200)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v := password.Judge(s, lea...)
		if v.Strength < 0 || v.Strength > 4 {
			t.Errorf("strength %d", v.Strength)
		}
		if v.Fault == password.FaultNone && (v.Length < password.MinLength || v.Length > password.MaxLength) {
			t.Errorf("%q allowed at %d characters", s, v.Length)
		}
	})
}
