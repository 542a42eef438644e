package screen

import (
	"fmt"
	"strings"

	"portillon/internal/login"
	"portillon/internal/ui/kit"
	"portillon/internal/ui/look"
)

// Report is «Rapport», in the place of a page of the help: what this tablet's screens did of late,
// for the minutes of the exam, to be read and to be photographed. It names nobody.
type Report struct {
	env   Env
	card  *kit.Card
	lines []*kit.Text
	qr    *kit.QR
}

const (
	reportLines = 30
	reportLeft  = 24  // of them in the first column
	reportQR    = 320 // three pixels a module
)

// NewReport builds it.
func NewReport(env Env) *Report {
	r := &Report{env: env, qr: kit.NewQR(env.Look, reportQR)}
	back := env.button(kit.Tool, "action.back", login.Back{}).Iconic(look.IconBack)
	parts := kit.Parts{Head: []kit.Part{
		{Block: env.title("report.title"), Role: kit.Essential},
		{Block: kit.NewSmall(env.Look, env.say("report.text", 0, "tablet", env.Frame.Tablet, "version", env.Frame.Version)), Gap: 4, Role: kit.Essential},
	}}
	for i := range reportLines {
		line := kit.NewText(env.Look, look.SizeSmall, kit.InkText)
		r.lines = append(r.lines, line)
		into, gap := &parts.Main, float32(2)
		if i >= reportLeft {
			into = &parts.Aside
		}
		if i == reportLeft {
			gap = 16 // below the drawing
		}
		*into = append(*into, kit.Part{Block: line, Gap: gap})
	}
	parts.Aside = append([]kit.Part{{Block: kit.NewRow(0, []kit.Natural{r.qr, kit.NewSpace()}, 1)}}, parts.Aside...)
	parts.Aside = append(parts.Aside, kit.Part{Block: back, Gap: 16})
	r.card = env.cardPaged("action.more", "action.first", parts) // «Retour» leaves
	return r
}

// Card implements Screen.
func (r *Report) Card() *kit.Card { return r.card }

// Update implements Screen. The newest line comes first: it is what somebody asks about.
func (r *Report) Update(v login.View) {
	records := v.Help.Report.Records
	moved := []bool{r.qr.Set(r.minutes(records))}
	for i, line := range r.lines {
		on := i < len(records)
		moved = append(moved, kit.Show(line, on))
		if on {
			moved = append(moved, line.Set(r.line(records[len(records)-1-i])))
		}
	}
	r.card.Updated(moved...)
}

// line is a record in words.
func (r *Report) line(x login.Record) string {
	at, screen := x.At.Format("15:04:05"), r.word("report.screen."+string(x.Screen), string(x.Screen))
	if x.Kind == "" {
		return r.env.say("report.line.screen", 0, "at", at, "screen", screen)
	}
	return r.env.say("report.line.kind", 0, "at", at, "screen", screen, "kind", r.word("report.kind."+x.Kind, x.Kind))
}

func (r *Report) word(key, otherwise string) string {
	if r.env.Words.Has(key) {
		return r.env.t(key)
	}
	return otherwise
}

// minutes is the same for a phone: the log's own words, which whoever maintains the tablets knows.
func (r *Report) minutes(records []login.Record) string {
	var b strings.Builder
	f := r.env.Frame
	fmt.Fprintf(&b, "Portillon %s %s %s\n", kit.Plain(f.Tablet), f.Version, f.ConfigSerial)
	for i, x := range records {
		if i == 0 || records[i-1].At.YearDay() != x.At.YearDay() {
			fmt.Fprintln(&b, x.At.Format("2006-01-02"))
		}
		fmt.Fprintln(&b, strings.TrimSpace(x.At.Format("150405")+" "+string(x.Screen)+" "+x.Kind))
	}
	return b.String()
}
