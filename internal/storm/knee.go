package storm

import (
	"context"
	"errors"
	"math"
	"time"
)

// Knee is where a service bends: the most arrivals a second that it keeps up with.
type Knee struct {
	PerSecond float64 `json:"per_s"`                // the most at which it kept up; 0: it never did
	Bends     float64 `json:"bends_per_s,omitzero"` // the fewest at which it did not; 0: not met
	P95       float64 `json:"p95_limit_ms"`         // what "keeping up" meant
	Probes    []Probe `json:"probes"`               // in the order they were made
}

// Probe is one rate that was tried.
type Probe struct {
	PerSecond float64 `json:"per_s"`
	Tablets   int     `json:"tablets"`
	KeptUp    bool    `json:"kept_up"`
	P50       float64 `json:"p50_ms"`
	P95       float64 `json:"p95_ms"`
	Retries   int     `json:"retries"`
	Failed    int     `json:"failed"`
}

// KneeOptions bound the search.
type KneeOptions struct {
	// P95 is the longest that 95 of 100 logins may take for a service that keeps up; 0: 1 s.
	P95 time.Duration
	// Within bounds the whole search; 0: 5 minutes. A probe under way then is counted as one
	// that was not kept up with.
	Within time.Duration
}

const (
	kneeFirst = 4.0              // arrivals a second to begin with
	kneeFor   = 10 * time.Second // how long a probe's tablets arrive
	kneeClose = 1.08             // the search ends when the two bounds are that close
)

// FindKnee doubles the rate of arrivals until the service no longer keeps up, and then halves
// the gap. A probe is a storm of o.Arrival's place kneeFor, of at most o.Tablets tablets; its
// accounts are o.Account's from 0 to o.Tablets-1, in turn. It returns the Summary of the
// fastest probe that was kept up with, or of the last, with Summary.Knee. It fails as Run does.
func FindKnee(ctx context.Context, o Options, k KneeOptions) (Summary, error) {
	if err := o.check(); err != nil {
		return Summary{}, err
	}
	if k.P95 < 0 || k.Within < 0 {
		return Summary{}, errors.Join(ErrOptions, errors.New("times are not negative"))
	}
	if k.P95 == 0 {
		k.P95 = time.Second
	}
	if k.Within == 0 {
		k.Within = 5 * time.Minute
	}
	s := &search{Options: o, limit: k.P95, end: time.Now().Add(k.Within), knee: &Knee{P95: float64(k.P95.Milliseconds())}}
	for rate := kneeFirst; rate > 0; rate = s.next() {
		if err := s.probe(ctx, rate); err != nil {
			return Summary{}, err
		}
	}
	s.best.Knee = s.knee
	return s.best, nil
}

// search is a search under way.
type search struct {
	Options
	limit time.Duration
	end   time.Time
	used  int // accounts, so far
	knee  *Knee
	best  Summary
}

// next is the rate to try now; 0: none.
func (s *search) next() float64 {
	rate := s.knee.PerSecond * 2
	switch {
	case s.knee.Bends > 0 && s.knee.PerSecond == 0:
		rate = s.knee.Bends / 2
	case s.knee.Bends > 0:
		rate = (s.knee.PerSecond + s.knee.Bends) / 2
	}
	enough := s.knee.Bends > 0 && (s.knee.Bends <= s.knee.PerSecond*kneeClose || rate < kneeFirst/4)
	if enough || s.tablets(rate) > s.Tablets || time.Now().Add(kneeFor).After(s.end) {
		return 0
	}
	return rate
}

func (s *search) tablets(rate float64) int { return int(math.Ceil(rate * kneeFor.Seconds())) }

// probe tries one rate.
func (s *search) probe(ctx context.Context, rate float64) error {
	o, from := s.Options, s.used
	o.Tablets, o.Arrival = min(s.tablets(rate), s.Tablets), kneeFor
	o.Patience = min(o.Patience, max(time.Until(s.end)-kneeFor, time.Second))
	o.Seed += uint64(from)
	o.Account = func(i int) Account { return s.Account((from + i) % s.Tablets) }
	s.used += o.Tablets
	sum, err := Run(ctx, o)
	if err != nil {
		return err
	}
	kept := sum.Failed == 0 && sum.P95 <= float64(s.limit.Milliseconds())
	s.knee.Probes = append(s.knee.Probes, Probe{round(rate), o.Tablets, kept, sum.P50, sum.P95, sum.Retries, sum.Failed})
	switch {
	case kept:
		s.knee.PerSecond = round(rate)
		s.best = sum
	default:
		s.knee.Bends = round(rate)
		if s.knee.PerSecond == 0 {
			s.best = sum
		}
	}
	return nil
}
