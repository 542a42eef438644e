package field

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"

	"portillon/internal/identity"
	"portillon/internal/ui/look"
)

// MaxSecret is how many characters a password may have.
const MaxSecret = 128

// Events is what a field tells. All are called on the UI goroutine; nil ones are
// left out.
type Events struct {
	// Email: the text lives with the caller, who answers with SetText.
	Rune      func(r rune)
	Backspace func()
	Delete    func()
	CaretTo   func(pos int) // in runes

	// Secret and Code: how many characters the field now holds.
	Typed func(n int)
	// Refused: a character was not taken (a letter in a code, a full field).
	Refused func(r rune)
	// ToggleShown: the eye of a Secret was touched; answer with SetShown.
	ToggleShown func()

	Submit  func()            // Return
	Back    func()            // Escape
	Focused func(gained bool) // the keyboard focus came or went
}

// Email shows an address that is typed elsewhere.
type Email struct{ widget.BaseWidget }

// NewEmail returns an empty e-mail field.
func NewEmail(l *look.Look, ev Events) *Email { e := &Email{}; e.ExtendBaseWidget(e); return e }

// SetText shows text with the caret before its caret-th rune.
func (e *Email) SetText(text string, caret int) {}

// SetPlaceholder is what an empty field shows.
func (e *Email) SetPlaceholder(s string) {}

// SetError draws the field's border as an error.
func (e *Email) SetError(on bool) {}

// CreateRenderer implements fyne.Widget.
func (e *Email) CreateRenderer() fyne.WidgetRenderer { return widget.NewSimpleRenderer(nil) }

// FocusGained, FocusLost, TypedRune and TypedKey implement fyne.Focusable.
func (e *Email) FocusGained()            {}
func (e *Email) FocusLost()              {}
func (e *Email) TypedRune(rune)          {}
func (e *Email) TypedKey(*fyne.KeyEvent) {}

// Secret keeps a password in a locked page.
type Secret struct{ widget.BaseWidget }

// NewSecret fails where the kernel grants no locked page.
func NewSecret(l *look.Look, ev Events) (*Secret, error) {
	s := &Secret{}
	s.ExtendBaseWidget(s)
	return s, nil
}

// Rune types r at the caret; Replace puts r in the place of the character typed
// last; Backspace deletes before the caret.
func (s *Secret) Rune(r rune)    {}
func (s *Secret) Replace(r rune) {}
func (s *Secret) Backspace()     {}

// Wipe empties the field and zeroes its page.
func (s *Secret) Wipe() {}

// Close wipes and gives the page back; the field takes nothing any more.
func (s *Secret) Close() {}

// Count is the number of characters held.
func (s *Secret) Count() int { return 0 }

// Secret is a copy in a page of its own, for the caller to wipe.
func (s *Secret) Secret() (*identity.Secret, error) { return identity.NewSecret() }

// SetShown shows characters instead of bullets.
func (s *Secret) SetShown(shown bool) {}

// SetPlaceholder is what an empty field shows.
func (s *Secret) SetPlaceholder(t string) {}

// SetError draws the field's border as an error.
func (s *Secret) SetError(on bool) {}

// CreateRenderer implements fyne.Widget.
func (s *Secret) CreateRenderer() fyne.WidgetRenderer { return widget.NewSimpleRenderer(nil) }

// FocusGained, FocusLost, TypedRune and TypedKey implement fyne.Focusable.
func (s *Secret) FocusGained()            {}
func (s *Secret) FocusLost()              {}
func (s *Secret) TypedRune(rune)          {}
func (s *Secret) TypedKey(*fyne.KeyEvent) {}

// Code keeps a one-time code in a locked page, one digit a cell.
type Code struct{ widget.BaseWidget }

// NewCode fails where the kernel grants no locked page.
func NewCode(l *look.Look, ev Events, cells int) (*Code, error) {
	c := &Code{}
	c.ExtendBaseWidget(c)
	return c, nil
}

// SetCells changes the number of cells (1 to 12).
func (c *Code) SetCells(n int) {}

// Rune types a digit; spaces are ignored, anything else is refused.
func (c *Code) Rune(r rune)                       {}
func (c *Code) Backspace()                        {}
func (c *Code) Wipe()                             {}
func (c *Code) Close()                            {}
func (c *Code) Count() int                        { return 0 }
func (c *Code) Secret() (*identity.Secret, error) { return identity.NewSecret() }
func (c *Code) SetError(on bool)                  {}

// CreateRenderer implements fyne.Widget.
func (c *Code) CreateRenderer() fyne.WidgetRenderer { return widget.NewSimpleRenderer(nil) }

// FocusGained, FocusLost, TypedRune and TypedKey implement fyne.Focusable.
func (c *Code) FocusGained()            {}
func (c *Code) FocusLost()              {}
func (c *Code) TypedRune(rune)          {}
func (c *Code) TypedKey(*fyne.KeyEvent) {}
