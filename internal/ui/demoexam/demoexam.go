// Package demoexam is a small exam player for demonstrations: it shows whom the
// hand-off names and ends when told to. cmd/portillon runs it as
// "portillon demo-player"; a real centre's exam.command is another program.
package demoexam

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"portillon/internal/ui/kit"
	"portillon/internal/ui/look"
	"portillon/internal/words"
)

// maxHandoff bounds what is read from descriptor 3.
const maxHandoff = 64 << 10

// ErrHandoff: descriptor 3 did not give one JSON object that names a session.
var ErrHandoff = errors.New("demoexam: no usable hand-off")

// Candidate is what this player uses of the hand-off.
type Candidate struct {
	AccessToken string `json:"access_token"`
	ServiceURL  string `json:"service_url"`
	Name        string `json:"name"`
	ExtraTime   string `json:"extra_time"`
}

// Read takes the hand-off from r, to its end. It fails with ErrHandoff where
// there is neither an access token nor a service URL.
func Read(r io.Reader) (Candidate, error) {
	var c Candidate
	if err := json.NewDecoder(io.LimitReader(r, maxHandoff)).Decode(&c); err != nil {
		return Candidate{}, fmt.Errorf("%w: not a JSON object", ErrHandoff) // the cause could quote it
	}
	if c.AccessToken == "" && c.ServiceURL == "" {
		return Candidate{}, fmt.Errorf("%w: neither token nor service URL", ErrHandoff)
	}
	return c, nil
}

// Content is the player's window: the candidate's name and a button that calls end.
func Content(l *look.Look, w *words.Words, c Candidate, end func()) fyne.CanvasObject {
	name := kit.NewText(l, look.SizeDigits, kit.InkText).Bold()
	name.Set(kit.Plain(c.Name))
	extra := kit.NewBody(l, "")
	if c.ExtraTime != "" {
		extra.Set(w.Say("player.extra", 0, map[string]string{"extra": kit.Plain(c.ExtraTime)}))
	}
	card := kit.NewCard(l, w.T("action.more"), w.T("action.back"), kit.Parts{Main: []kit.Part{
		{Block: kit.NewTitle(l, w.T("player.title")), Role: kit.Essential},
		{Block: name, Gap: 16, Role: kit.Essential},
		{Block: extra, Gap: 8},
		{Block: kit.NewBody(l, w.T("player.intro")), Gap: 8},
		{Block: kit.NewButton(l, kit.Primary, w.T("player.end"), end), Gap: 28, Role: kit.Action},
	}})
	return container.NewStack(kit.NewGround(func() {}), container.NewPadded(card))
}
