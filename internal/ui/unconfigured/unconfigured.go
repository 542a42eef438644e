// Package unconfigured draws «Tablette non configurée»: what a tablet of the image shows
// whose configuration is absent or was refused. There is no login behind it, and nothing to
// touch. cmd/portillon runs it as "portillon unconfigured".
package unconfigured

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"regexp"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"portillon/internal/ui/kit"
	"portillon/internal/ui/look"
	"portillon/internal/words"
)

// Refusal is why, as the boot wrote it.
type Refusal struct {
	Reason string `json:"reason"`
	Detail string `json:"detail"`
}

// unknown is the reason where none can be read.
const unknown = "invalid"

// maxRefusal bounds what is read.
const maxRefusal = 16 << 10

// Load reads the boot's file. Where it cannot be read, that is the detail: the screen
// comes up all the same.
func Load(file string) Refusal {
	r, err := load(file)
	if err != nil {
		return Refusal{Reason: unknown, Detail: err.Error()}
	}
	return r
}

func load(file string) (r Refusal, err error) {
	f, err := os.Open(file)
	if err != nil {
		return r, err
	}
	err = json.NewDecoder(io.LimitReader(f, maxRefusal)).Decode(&r)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil && !regexp.MustCompile(`^[a-z]{1,16}$`).MatchString(r.Reason) {
		err = fmt.Errorf("%s: no reason", file)
	}
	return r, err
}

// Content is the screen.
func Content(l *look.Look, w *words.Words, r Refusal, version string) fyne.CanvasObject {
	key := "unconfigured.reason." + r.Reason
	if !w.Has(key) {
		key = "unconfigured.reason." + unknown
	}
	icon := kit.NewIcon(l, look.IconError, kit.InkError, 36)
	detail := kit.NewBody(l, "")
	if r.Detail != "" {
		detail.Set(w.Say("unconfigured.technician", 0, map[string]string{"detail": kit.Plain(r.Detail)}))
	}
	card := kit.NewCard(l, w.T("action.more"), w.T("action.back"), kit.Parts{Main: []kit.Part{
		{Block: kit.NewRow(12, []kit.Natural{icon, kit.NewFill(l, kit.NewTitle(l, w.T("unconfigured.title")), 200)}, 1), Role: kit.Essential},
		{Block: kit.NewBody(l, w.T("noncompliant.spare")).Bold(), Gap: 12, Role: kit.Essential},
		{Block: kit.NewBody(l, w.T(key)), Gap: 24, Role: kit.Essential},
		{Block: kit.NewBody(l, w.T("unconfigured.remedy")), Gap: 12},
		{Block: detail, Gap: 24},
		{Block: kit.NewBody(l, w.Say("unconfigured.version", 0, map[string]string{"version": kit.Plain(version)})), Gap: 8},
	}})
	return container.NewStack(kit.NewGround(func() {}), container.NewPadded(card))
}
