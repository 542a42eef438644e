package identity

import (
	"context"
	"errors"
	"fmt"
	"testing"
)

func TestKinds(t *testing.T) {
	seen := map[string]bool{}
	kinds := Kinds()
	for i, k := range kinds {
		if int(k) != i+1 {
			t.Errorf("kind %d is at %d", k, i)
		}
		name := k.String()
		if name == "" || name == "unknown" || seen[name] {
			t.Errorf("kind %d is called %q", k, name)
		}
		seen[name] = true
	}
	if last := kinds[len(kinds)-1]; last != Canceled {
		t.Errorf("the last kind is %v", last)
	}
	for _, k := range []Kind{KindUnknown, -1, Canceled + 1} {
		if k.String() != "unknown" {
			t.Errorf("%d is called %q", k, k)
		}
	}
}

func TestError(t *testing.T) {
	err := fmt.Errorf("outside: %w", Fail("password", TimedOut, "%w", context.DeadlineExceeded))
	if KindOf(err) != TimedOut || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v has kind %v", err, KindOf(err))
	}
	if got, want := err.Error(), "outside: password: timed_out: context deadline exceeded"; got != want {
		t.Errorf("reads %q, want %q", got, want)
	}
	if got := (&Error{Kind: Busy}).Error(); got != "busy" {
		t.Errorf("reads %q", got)
	}
	if e := Fail("code", WrongCode, ""); e.Err != nil || e.Error() != "code: wrong_code" {
		t.Errorf("reads %q", e)
	}
	if KindOf(nil) != KindUnknown || KindOf(errors.New("x")) != KindUnknown {
		t.Error("a kind out of nothing")
	}
}
