package look

import (
	"fmt"
	"sync"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"

	"portillon/assets"
)

// Digits is the text style whose digits all have one width, for what counts down.
func Digits() fyne.TextStyle { return fyne.TextStyle{Monospace: true} }

// Strong is the text style of titles, buttons and keys.
func Strong() fyne.TextStyle { return fyne.TextStyle{Bold: true} }

// Measure is the size of text on one line. Everything that is drawn is measured
// through it: fyne.MeasureText looks for fonts on the whole system first.
func Measure(text string, size float32, style fyne.TextStyle) fyne.Size {
	s, _ := fyne.CurrentApp().Driver().RenderedTextSize(text, size, style, Source(text, style))
	return s
}

// Source is the FontSource for a canvas.Text: the bundled face of the style, named
// rather than found through the theme. The theme's fonts come with fallbacks for every
// script, for which Fyne reads all fonts of the system: a tenth of a second and many
// megabytes that a login in French never needs. Text with characters that Inter, as it
// is bundled, does not hold (someone's name) has nil, the theme's fonts, and pays.
func Source(text string, style fyne.TextStyle) fyne.Resource {
	for _, r := range text {
		if !bundled(r) {
			return nil
		}
	}
	return loadFaces().of(style)
}

// bundled reports whether the faces hold r; assets/fonts/subset.py chose.
func bundled(r rune) bool {
	switch {
	case r >= 0x20 && r < 0x7f, r >= 0xa0 && r < 0x180:
		return r != 'ŉ' // which Inter leaves out
	case r < 0x2000:
		return false
	}
	switch r {
	case '‐', '‑', '–', '—', '‘', '’', '‚', '“', '”', '„', '†', '•', '…', '‰', '‹', '›', '\u202f', '€', '™',
		'←', '↑', '→', '↓', '−', '≈', '≠', '≤', '≥', '⇧', '⌫':
		return true
	}
	return false
}

// faces are the bundled fonts.
type faces struct{ regular, semiBold, tabular fyne.Resource }

// loadFaces reads them once: by the resource Fyne knows what it has parsed.
var loadFaces = sync.OnceValue(func() faces {
	return faces{font("Inter-Regular.ttf"), font("Inter-SemiBold.ttf"), font("Inter-SemiBoldTabular.ttf")}
})

func font(name string) fyne.Resource {
	b, err := assets.Fonts.ReadFile("fonts/" + name)
	if err != nil {
		// The files are embedded at build time; a test reads each.
		fyne.LogError(fmt.Sprintf("font %s", name), err)
		return theme.DefaultTextFont()
	}
	return fyne.NewStaticResource(name, b)
}

// of knows no italic: nothing on the screens is italic, and a missing face would
// bring another family in.
func (f faces) of(s fyne.TextStyle) fyne.Resource {
	switch {
	case s.Monospace:
		return f.tabular
	case s.Bold:
		return f.semiBold
	}
	return f.regular
}
