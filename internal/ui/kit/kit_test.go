package kit

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"pgregory.net/rapid"

	"portillon/internal/ui/look"
)

func TestPlain(t *testing.T) {
	for in, want := range map[string]string{
		"Agathe FEELING":                 "Agathe FEELING",
		"**x** <b> [a](b)":               "**x** <b> [a](b)",
		"a\u202eb\u2066c\u200bd":         "abcd",
		"a\x00b\x1b[31mc":                "ab[31mc",
		"a\nb\u2028c\td":                 "a b c d",
		"e\u0301 œ « \u202f! \U0001F600": "e\u0301 œ « \u202f! \U0001F600",
		"\xff\xfe":                       "",
	} {
		if got := Plain(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
	if got := Plain(strings.Repeat("x", 10<<20)); utf8.RuneCountInString(got) != maxPlain+1 {
		t.Errorf("10 MB became %d runes", utf8.RuneCountInString(got))
	}
}

func FuzzPlain(f *testing.F) {
	for _, seed := range []string{"", "a\u202eb", "\x00\xff", strings.Repeat("é", 400)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := Plain(s)
		if !utf8.ValidString(got) || utf8.RuneCountInString(got) > maxPlain+1 {
			t.Errorf("%q", got)
		}
		for _, r := range got {
			if unicode.Is(unicode.C, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r) {
				t.Errorf("%U was kept", r)
			}
		}
		if again := Plain(strings.TrimSuffix(got, "…")); !strings.HasPrefix(got, again) {
			t.Errorf("%q and then %q", got, again)
		}
	})
}

// TestWrapKeepsEveryWord: whatever the text and the width, the lines hold all of
// it in order, and a line is too long only where it is a single character.
func TestWrapKeepsEveryWord(t *testing.T) {
	test.NewTempApp(t)
	l := look.New()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[a-z0-9@.\-]{1,40}( [a-z0-9éà@.\-]{1,12}){0,12}`).Draw(t, "text")
		width := rapid.Float32Range(12, 600).Draw(t, "width")
		l.Percent = rapid.IntRange(100, 200).Draw(t, "percent")
		p := NewBody(l, text)
		lines := p.lines(width)
		squeeze := func(s string) string { return strings.ReplaceAll(s, " ", "") }
		if squeeze(strings.Join(lines, "")) != squeeze(text) {
			t.Fatalf("%q became %q", text, lines)
		}
		for _, line := range lines {
			if p.measure(line) > width && utf8.RuneCountInString(line) > 1 {
				t.Fatalf("%q is wider than %g", line, width)
			}
		}
		if p.HeightFor(width) != float32(len(lines))*p.LineHeight() {
			t.Fatal("height and lines disagree")
		}
	})
}

func TestNumbersKeepTheirUnits(t *testing.T) {
	for text, want := range map[string][]string{
		"durant 3 minutes.":       {"durant", "3 minutes."},
		"Appelez 01 23 45 67 89.": {"Appelez", "01 23 45 67 89."},
		"Demandé à 9 h 42. Soyez": {"Demandé", "à", "9 h", "42.", "Soyez"},
		"dans 12 s. Touchez":      {"dans", "12 s.", "Touchez"},
		"":                        {""},
		"deux  espaces":           {"deux", "", "espaces"},
	} {
		if got := unbroken(text); strings.Join(got, "|") != strings.Join(want, "|") {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// block is a Block of a fixed height.
type block struct {
	Space
	h float32
}

func (b *block) HeightFor(float32) float32 { return b.h }

// TestDeal: every part has one page, in reading order; what must stay in view is
// on the first; no page but the first holds more than it has room for, and the
// first not by Details.
func TestDeal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const room, pager = 400, 56
		sp := spacing{pad: 12, gap: 0.25}
		gap := sp.above(Part{Gap: 16})
		later := rapid.Float32Range(room, 2*room).Draw(t, "later")
		var all []sized
		var must float32
		for range rapid.IntRange(1, 14).Draw(t, "parts") {
			role := rapid.SampledFrom([]Role{Detail, Detail, Detail, Essential, Action}).Draw(t, "role")
			h := rapid.Float32Range(10, 200).Draw(t, "height")
			all = append(all, sized{part: Part{Block: &block{h: h}, Gap: 16, Role: role}, h: h, page: -1})
			if role != Detail {
				must += h + gap
			}
		}
		pages := deal(all, sp, room, later, pager)
		used, last := make([]float32, pages), 0
		for _, s := range all {
			if s.page < 0 || s.page >= pages {
				t.Fatalf("a part on page %d of %d", s.page, pages)
			}
			used[s.page] += s.h + gap
			switch {
			case s.part.Role != Detail && s.page != 0:
				t.Fatal("what must stay in view went to another page")
			case s.part.Role == Detail && s.page < last:
				t.Fatal("details out of order")
			case s.part.Role == Detail:
				last = s.page
			}
		}
		for page, h := range used {
			if h == 0 && page > 0 {
				t.Fatalf("page %d is empty", page)
			}
			if limit := max(float32(room), must); page == 0 && h > limit {
				t.Fatalf("the first page holds %g", h)
			}
			if page > 0 && h > later-pager {
				t.Fatalf("page %d holds %g of %g", page, h, later)
			}
		}
	})
}

// TestRingRunsOut: what is left of the arc follows the time, and ends at nothing.
func TestRingRunsOut(t *testing.T) {
	test.NewTempApp(t)
	r := NewRing(look.New())
	r.Resize(fyne.NewSquareSize(128))
	for _, c := range []struct {
		seconds, total int
		from           float32
		digits         string
	}{{180, 180, 0, "3:00"}, {90, 180, 180, "1:30"}, {7, 180, 346, "0:07"}, {0, 180, 360, "0:00"}, {-3, 180, 360, "0:00"}, {5, 0, 360, "0:05"}} {
		r.Set(c.seconds, c.total, InkAccent)
		if r.arc.StartAngle != c.from || r.arc.EndAngle != 360 || r.digits.Text() != c.digits {
			t.Errorf("%d of %d: arc %g to %g, %q", c.seconds, c.total, r.arc.StartAngle, r.arc.EndAngle, r.digits.Text())
		}
	}
}

// TestQRIsWholePixels: every module is a square of one size, dark on white, with
// its quiet zone; nonsense draws nothing.
func TestQRIsWholePixels(t *testing.T) {
	test.NewTempApp(t)
	q := NewQR(look.New(), 200)
	q.Set("https://portail.uness.fr")
	img := q.draw(200, 200)
	k := 200 / len(q.bits)
	off := (200 - k*len(q.bits)) / 2
	for y, row := range q.bits {
		for x, dark := range row {
			for _, d := range [][2]int{{0, 0}, {k - 1, k - 1}} {
				r, _, _, _ := img.At(off+x*k+d[0], off+y*k+d[1]).RGBA()
				if (r < 0x8000) != dark {
					t.Fatalf("module %d,%d is wrong", x, y)
				}
			}
			if dark && (x < 4 || y < 4) {
				t.Fatal("no quiet zone")
			}
		}
	}
	if q.Set(strings.Repeat("x", 5000)); q.Visible() {
		t.Error("what cannot be encoded is shown")
	}
}
