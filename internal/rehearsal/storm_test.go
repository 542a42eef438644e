package rehearsal_test

import (
	"sync"
	"testing"

	"portillon/internal/rehearsal"
	"portillon/internal/rehearsal/people"
	"portillon/internal/wire"
)

func TestStormAccounts(t *testing.T) {
	fresh := t.TempDir()
	w := start(t, func(o *rehearsal.Options) { o.Data = fresh })
	for _, i := range []int{1, people.StormAccounts} {
		tab := w.tablet()
		w.want(tab.identify(people.StormAddress(i)), wire.SubCredentialsRequired)
		w.want(tab.password(people.StormPassword), "granted")
	}
	w.want(w.tablet().identify(people.StormAddress(people.StormAccounts+1)), wire.SubAccountUnknown)
}

// TestConcurrentGuessesStayWithinTheLimit sends more guesses at once than are
// allowed, each in a session of its own.
func TestConcurrentGuessesStayWithinTheLimit(t *testing.T) {
	w := start(t, strangers)
	var wg sync.WaitGroup
	kinds := make(chan string, 24)
	for range cap(kinds) {
		phone := w.tablet()
		phone.identify(camille)
		wg.Go(func() { kinds <- phone.password("faux").kind() })
	}
	wg.Wait()
	close(kinds)
	compared := 0
	for k := range kinds {
		if k == wire.SubInvalidCredentials {
			compared++
		}
	}
	if compared > 9 { // the tenth is told that it was the last
		t.Errorf("%d guesses were answered as ordinary, want at most 9", compared)
	}
}
