package web

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxBuckets bounds a Limiter's memory. Beyond it the fullest buckets are forgotten
// first: those that hold nobody back.
const maxBuckets = 20000

// Limiter lets so many things happen per second and key, after a burst. It is safe for
// concurrent use.
type Limiter struct {
	perSecond rate.Limit
	burst     int
	now       func() time.Time

	mu      sync.Mutex
	buckets map[string]*rate.Limiter
}

// NewLimiter returns a Limiter; perSecond and burst are above 0.
func NewLimiter(perSecond float64, burst int, now func() time.Time) *Limiter {
	return &Limiter{perSecond: rate.Limit(perSecond), burst: burst, now: now, buckets: map[string]*rate.Limiter{}}
}

// Take counts one event of key: 0 where it may happen, else how long to wait.
func (l *Limiter) Take(key string) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	b := l.buckets[key]
	if b == nil {
		if len(l.buckets) >= maxBuckets {
			l.sweep(now)
		}
		b = rate.NewLimiter(l.perSecond, l.burst)
		l.buckets[key] = b
	}
	if b.AllowN(now, 1) {
		return 0
	}
	missing := 1 - b.TokensAt(now)
	return time.Duration(missing / float64(l.perSecond) * float64(time.Second))
}

// sweep forgets the buckets that are full again, or all where none is: for a moment
// everybody has a burst, and the memory stays bounded.
func (l *Limiter) sweep(now time.Time) {
	for key, b := range l.buckets {
		if b.TokensAt(now) >= float64(l.burst) {
			delete(l.buckets, key)
		}
	}
	if len(l.buckets) >= maxBuckets {
		clear(l.buckets)
	}
}
