package preflight

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
)

// findings asks every source once for a run, whichever check comes first.
type findings struct {
	ask  func(context.Context)
	done chan struct{}

	facts map[string][]Fact // read after done
	err   error
}

func newFindings(sources []Facts) *findings {
	f := &findings{done: make(chan struct{}), facts: map[string][]Fact{}}
	var once sync.Once
	f.ask = func(ctx context.Context) {
		once.Do(func() {
			go func() {
				defer close(f.done)
				// Not the first asker's context alone: others wait for the same answer.
				ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
				defer cancel()
				for _, source := range sources {
					facts, err := source(ctx)
					f.err = errors.Join(f.err, err)
					for _, fact := range facts {
						f.facts[fact.ID] = append(f.facts[fact.ID], fact)
					}
				}
			}()
		})
	}
	return f
}

// optional is a probe that does not know where nobody tells: another check says why.
func (f *findings) optional(id string) func(context.Context) (string, error) {
	probe := f.probe(id)
	return func(ctx context.Context) (string, error) {
		detail, err := probe(ctx)
		if errors.Is(err, errNotTold) {
			err = fmt.Errorf("%w: %w", ErrUnknown, err)
		}
		return detail, err
	}
}

// probe is in order when there is a fact and all facts are good.
func (f *findings) probe(id string) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		f.ask(ctx)
		select {
		case <-f.done:
		case <-ctx.Done():
			return "", ctx.Err()
		}
		if f.err != nil {
			return "", f.err
		}
		var details []string
		bad := len(f.facts[id]) == 0
		for _, fact := range f.facts[id] {
			bad = bad || !fact.OK
			if fact.Detail != "" {
				details = append(details, fact.Detail)
			}
		}
		detail := strings.Join(details, "; ")
		switch {
		case !bad:
			return detail, nil
		case detail == "":
			return "", errNotTold
		}
		return detail, errors.New(detail)
	}
}
