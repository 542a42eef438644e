package look

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"
)

// Theme is l as a Fyne theme. It reads l at every call: change l, then refresh.
func Theme(l *Look) fyne.Theme { return &fyneTheme{l} }

type fyneTheme struct{ look *Look }

func (t *fyneTheme) Color(n fyne.ThemeColorName, v fyne.ThemeVariant) color.Color {
	return theme.DefaultTheme().Color(n, theme.VariantLight)
}
func (t *fyneTheme) Font(s fyne.TextStyle) fyne.Resource { return theme.DefaultTheme().Font(s) }
func (t *fyneTheme) Icon(n fyne.ThemeIconName) fyne.Resource {
	return theme.DefaultTheme().Icon(n)
}
func (t *fyneTheme) Size(n fyne.ThemeSizeName) float32 { return theme.DefaultTheme().Size(n) }
