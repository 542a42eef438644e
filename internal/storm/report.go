package storm

import (
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"portillon/internal/identity"
)

// Summary is what a storm came to. Times are from a student's arrival to the session.
type Summary struct {
	Tablets        int            `json:"tablets"`
	LoggedIn       int            `json:"logged_in"`
	Failed         int            `json:"failed"`
	Failures       map[string]int `json:"failures,omitempty"` // by identity.Kind, "gave_up" or "other"
	Retries        int            `json:"retries"`            // requests made again after a wait
	CodesSent      int            `json:"codes_sent"`
	WrongPasswords int            `json:"wrong_passwords"`
	P50            float64        `json:"p50_ms"`
	P95            float64        `json:"p95_ms"`
	P99            float64        `json:"p99_ms"`
	Max            float64        `json:"max_ms"`
	Duration       float64        `json:"duration_s"`
	PerSecond      float64        `json:"logins_per_s"`
	ServerPeakMB   int            `json:"server_peak_mb,omitempty"`
	Knee           *Knee          `json:"knee,omitempty"` // FindKnee's

	took []time.Duration // sorted
}

// tally counts while the storm passes.
type tally struct {
	mu       sync.Mutex
	now      Progress
	out      Summary
	failures map[string]int
}

func newTally() *tally { return &tally{failures: map[string]int{}} }

func (t *tally) locked(f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f()
}

func (t *tally) arrive() { t.locked(func() { t.now.Arrived++ }) }
func (t *tally) retry()  { t.locked(func() { t.now.Retries++ }) }
func (t *tally) sent()   { t.locked(func() { t.out.CodesSent++ }) }
func (t *tally) wrong()  { t.locked(func() { t.out.WrongPasswords++ }) }

func (t *tally) end(r result) {
	t.locked(func() {
		if r.err == nil {
			t.now.LoggedIn++
			t.out.took = append(t.out.took, r.took)
			return
		}
		t.now.Failed++
		t.failures[reason(r.err)]++
	})
}

func reason(err error) string {
	switch k := identity.KindOf(err); {
	case errors.Is(err, errPatience):
		return "gave_up"
	case k != identity.KindUnknown:
		return k.String()
	case errors.Is(err, context.Canceled):
		return identity.Canceled.String()
	}
	return "other"
}

func (t *tally) progress(elapsed time.Duration) (p Progress) {
	t.locked(func() { p = t.now })
	p.Elapsed = elapsed
	p.Waiting = p.Arrived - p.LoggedIn - p.Failed
	return p
}

func (t *tally) summary(tablets int, took time.Duration) Summary {
	s := t.out
	s.Tablets, s.LoggedIn, s.Failed, s.Retries = tablets, t.now.LoggedIn, t.now.Failed, t.now.Retries
	s.Failures = t.failures
	slices.Sort(s.took)
	s.P50, s.P95, s.P99, s.Max = s.quantile(0.5), s.quantile(0.95), s.quantile(0.99), s.quantile(1)
	s.Duration = round(took.Seconds())
	if took > 0 {
		s.PerSecond = round(float64(s.LoggedIn) / took.Seconds())
	}
	return s
}

// quantile is the nearest rank, in milliseconds; 0 without a login.
func (s *Summary) quantile(q float64) float64 {
	if len(s.took) == 0 {
		return 0
	}
	i := max(0, int(math.Ceil(q*float64(len(s.took))))-1)
	return round(float64(s.took[i].Microseconds()) / 1000)
}

func round(x float64) float64 { return math.Round(x*10) / 10 }

// bars of a Histogram.
const bars = 40

// Histogram draws how long the logins took, as an SVG with a logarithmic time axis.
func (s *Summary) Histogram(w io.Writer, title string) error {
	const width, height, left, top, foot = 960, 420, 60, 60, 50
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="14">`+"\n", width, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#fff"/><text x="%d" y="26" font-size="18">%s</text>`+"\n", width, height, left, html.EscapeString(title))
	fmt.Fprintf(&b, `<text x="%d" y="46" fill="#59647c">%d logins, median %.0f ms, p95 %.0f ms, p99 %.0f ms</text>`+"\n", left, s.LoggedIn, s.P50, s.P95, s.P99)
	lo, hi := 1.0, 10.0
	if len(s.took) > 0 {
		lo = math.Max(1, s.quantile(0))
		hi = math.Max(lo*10, s.Max)
	}
	counts, most := s.counts(lo, hi)
	span, tall := float64(width-left-20), float64(height-top-foot)
	for i, n := range counts {
		h := tall * float64(n) / float64(max(1, most))
		fmt.Fprintf(&b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="#1f5fbf"/>`+"\n",
			left+span*float64(i)/bars+1, top+tall-h, span/bars-2, h)
	}
	for decade := math.Pow(10, math.Ceil(math.Log10(lo))); decade <= hi; decade *= 10 {
		x := left + span*math.Log(decade/lo)/math.Log(hi/lo)
		fmt.Fprintf(&b, `<line x1="%.1f" x2="%.1f" y1="%d" y2="%d" stroke="#59647c"/><text x="%.1f" y="%d" text-anchor="middle">%s</text>`+"\n",
			x, x, height-foot, height-foot+6, x, height-foot+24, time.Duration(decade*float64(time.Millisecond)))
	}
	fmt.Fprintf(&b, `<line x1="%d" x2="%d" y1="%d" y2="%d" stroke="#59647c"/><text x="%d" y="%d" text-anchor="end">%d</text></svg>`+"\n",
		left, width-20, height-foot, height-foot, left-8, top+10, most)
	_, err := io.WriteString(w, b.String())
	return err
}

// counts sorts the logins into bars of equal ratio between lo and hi milliseconds.
func (s *Summary) counts(lo, hi float64) (counts [bars]int, most int) {
	for _, d := range s.took {
		ms := math.Max(lo, float64(d.Microseconds())/1000)
		i := min(bars-1, int(bars*math.Log(ms/lo)/math.Log(hi/lo)))
		counts[i]++
		most = max(most, counts[i])
	}
	return counts, most
}
