package look

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"
)

// Theme is l as a Fyne theme. It reads l at every call: change l, then refresh. It
// has one variant: the tablet's light or dark setting does not reach it.
func Theme(l *Look) fyne.Theme { return &fyneTheme{look: l} }

type fyneTheme struct{ look *Look }

// Font is what a text without a source of its own is drawn in.
func (t *fyneTheme) Font(s fyne.TextStyle) fyne.Resource {
	if s.Symbol {
		return theme.DefaultSymbolFont()
	}
	return loadFaces().of(s)
}

// Icon is drawn by nobody on our screens (see Icon.Draw); what Fyne's own widgets
// ask for is its own.
func (t *fyneTheme) Icon(n fyne.ThemeIconName) fyne.Resource { return theme.DefaultTheme().Icon(n) }

func (t *fyneTheme) Color(n fyne.ThemeColorName, _ fyne.ThemeVariant) color.Color {
	p := &t.look.Palette
	switch n {
	case theme.ColorNameBackground:
		return p.Ground
	case theme.ColorNameForeground, theme.ColorNameHyperlink:
		return p.Ink
	case theme.ColorNamePlaceHolder:
		return p.Muted
	case theme.ColorNamePrimary, theme.ColorNameSelection:
		return p.Accent
	case theme.ColorNameFocus:
		return p.Focus
	case theme.ColorNameHover, theme.ColorNamePressed:
		// Laid over what is there: a tint of the ink, not a cover.
		return color.NRGBA{R: p.Ink.R, G: p.Ink.G, B: p.Ink.B, A: 0x18}
	case theme.ColorNameShadow:
		return color.NRGBA{R: p.Ink.R, G: p.Ink.G, B: p.Ink.B, A: 0x28}
	case theme.ColorNameDisabled:
		return p.OnDisabled
	case theme.ColorNameDisabledButton:
		return p.Disabled
	case theme.ColorNameSeparator, theme.ColorNameInputBorder, theme.ColorNameScrollBar:
		return p.Line
	case theme.ColorNameScrollBarBackground:
		return p.Ground
	}
	return t.signal(n)
}

func (t *fyneTheme) signal(n fyne.ThemeColorName) color.Color {
	p := &t.look.Palette
	switch n {
	case theme.ColorNameError:
		return p.Error
	case theme.ColorNameSuccess:
		return p.OK
	case theme.ColorNameWarning:
		return p.Warning
	case theme.ColorNameForegroundOnPrimary:
		return p.OnAccent
	case theme.ColorNameForegroundOnError, theme.ColorNameForegroundOnSuccess, theme.ColorNameForegroundOnWarning,
		theme.ColorNameButton, theme.ColorNameInputBackground, theme.ColorNameMenuBackground,
		theme.ColorNameOverlayBackground, theme.ColorNameHeaderBackground:
		return p.Card
	}
	return p.Ink // names of a later Fyne: visible on every ground
}

func (t *fyneTheme) Size(n fyne.ThemeSizeName) float32 {
	switch n {
	case theme.SizeNameText:
		return t.look.Text(SizeBody)
	case theme.SizeNameCaptionText:
		return t.look.Text(SizeSmall)
	case theme.SizeNameHeadingText:
		return t.look.Text(SizeTitle)
	case theme.SizeNameSubHeadingText:
		return t.look.Text(22)
	case theme.SizeNameInlineIcon:
		return t.look.Text(24)
	case theme.SizeNamePadding, theme.SizeNameInnerPadding:
		return Grid
	case theme.SizeNameLineSpacing:
		return Grid / 2
	case theme.SizeNameInputRadius, theme.SizeNameSelectionRadius:
		return Corner
	case theme.SizeNameSeparatorThickness, theme.SizeNameInputBorder:
		return LineWidth
	}
	return theme.DefaultTheme().Size(n)
}
