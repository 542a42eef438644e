package e2e

import (
	"image"
	"syscall"
	"testing"

	"portillon/internal/e2e/xorg"
)

// TestTwoThumbs types an address with two thumbs that overlap: each goes down before the
// other has left its key. Nothing is lost, and nothing is typed twice.
func TestTwoThumbs(t *testing.T) {
	r := enter(t, func(s *settings) { s.touchscreen = true })
	const typed = "camille.durand"
	var last image.Point
	for i, c := range typed {
		at, ok := r.mirror.press(string(c))
		if !ok {
			t.Fatalf("no key says %q", c)
		}
		r.screen.Finger(uint32(i+1), xorg.Begin, at.X, at.Y)
		if i > 0 {
			r.screen.Finger(uint32(i), xorg.End, last.X, last.Y)
		}
		last = at
	}
	r.screen.Finger(uint32(len(typed)), xorg.End, last.X, last.Y)
	r.see(emailScreen(typed))
}

// TestLastLetter: on a screen that is behind, a student touches the last letter and «SE CONNECTER»
// before either is read. The two come by two connections, and the letter is of the password all the same.
func TestLastLetter(t *testing.T) {
	r := enter(t, func(s *settings) { s.touchscreen = true })
	r.identify(camille)
	last := len(camille.password) - 1
	r.touch(camille.password[:last])
	r.settle()
	at, ok := r.mirror.press(camille.password[last:])
	if !ok {
		t.Fatal("the last letter is on another layer")
	}
	button, err := r.mirror.button("SE CONNECTER")
	r.must(err)
	pid := r.screenProcess()
	r.must(syscall.Kill(pid, syscall.SIGSTOP))
	r.screen.Finger(1, xorg.Begin, at.X, at.Y)
	r.screen.Finger(1, xorg.End, at.X, at.Y)
	middle := button.Min.Add(button.Max).Div(2)
	r.screen.Finger(2, xorg.Begin, middle.X, middle.Y)
	r.screen.Finger(2, xorg.End, middle.X, middle.Y)
	r.must(syscall.Kill(pid, syscall.SIGCONT))
	r.connect()
}
