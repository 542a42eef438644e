// Package look is the visual language of screens.md: colours, sizes, fonts and the
// Fyne theme made of them. Everything under internal/ui takes a *Look and draws
// from it; there is no package-level state.
package look

import "image/color"

// Palette is one set of colours. Every pair that is drawn is checked for contrast
// in a test: text 4.5:1, shapes 3:1.
type Palette struct {
	Ink, Muted                                  color.NRGBA // text on Card and Ground
	Ground, Card, Line                          color.NRGBA
	Accent, AccentHover, AccentPressed, Focus   color.NRGBA
	OnAccent                                    color.NRGBA
	OK, Warning, Error                          color.NRGBA
	KeyboardGround, Key, KeyAccentual, KeyPress color.NRGBA // KeyAccentual: function keys
	KeyInk                                      color.NRGBA
	Disabled, OnDisabled                        color.NRGBA
}

// Base text sizes at 100 %, in dp.
const (
	SizeSmall  = 15
	SizeBody   = 18
	SizeTitle  = 28
	SizeDigits = 40
)

// Grid, corner, line and touch metrics, in dp.
const (
	Grid         = 8
	Corner       = 12
	LineWidth    = 1
	FocusWidth   = 3
	ButtonHeight = 56
	TouchTarget  = 48
	CardWidth    = 560
)

// Look is what is in force now. The window changes it and refreshes its content.
type Look struct {
	Palette Palette
	Percent int // 100 to 200
}

// New is the ordinary look at 100 %.
func New() *Look { return &Look{Palette: Ordinary(), Percent: 100} }

// Text scales a base text size.
func (l *Look) Text(base float32) float32 { return base * float32(l.Percent) / 100 }
