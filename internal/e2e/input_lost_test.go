package e2e

import (
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"portillon/internal/e2e/hands"
	"portillon/internal/ui/look"
)

// TestNoInputIsLost types and touches a thousand times, at every moment of the loop's rests
// (cmd/portillon/rest.go), on a machine that has more to do. The count is in the field: of n letters
// that n-1 backspaces follow the first one is left. A letter lost leaves nothing, a backspace lost
// leaves two.
func TestNoInputIsLost(t *testing.T) {
	r := enter(t)
	stop := make(chan struct{})
	defer close(stop)
	for range max(1, runtime.NumCPU()/2) {
		go func() {
			for n := uint64(0); ; n++ {
				select {
				case <-stop:
					return
				default:
				}
			}
		}()
	}
	chance := rand.New(rand.NewPCG(7, 11))
	// The loop rests 34 ms after it was woken: before, at and after that.
	pause := func() { <-time.After(time.Duration(chance.IntN(70)) * time.Millisecond) }
	const n = 250 // an address keeps 254
	letters := "xwbn"

	typed := "k" + strings.Repeat(letters, n)[:n-1]
	for _, c := range typed {
		r.write(string(c))
		pause()
	}
	for range n - 1 {
		r.press(hands.BackSpace)
		pause()
	}
	r.see(emailScreen("k"))
	r.press(hands.BackSpace)
	r.see(emailScreen(""))

	for _, c := range typed {
		r.touchKey(string(c))
		pause()
	}
	for range n - 1 {
		r.touchKey(string(look.IconBackspace))
		pause()
	}
	r.see(emailScreen("k"))
}
