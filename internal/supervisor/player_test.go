package supervisor

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestPlayerGetsItsHandoff(t *testing.T) {
	h := newHouse(t, nil)
	screen, _ := h.screen()
	for _, text := range []string{handoff, `{"a":"` + strings.Repeat("x", MaxHandoff-8) + `"}`} {
		player := h.exam(screen, text)
		if got := player.must(order{Do: "hand-off"}).Text; got != text {
			t.Errorf("hand-off of %d bytes arrived as %d", len(text), len(got))
		}
		has(t, screen.do(order{Do: "start", Bytes: []byte(text)}).Err, "running")
		screen.must(order{Do: "stop"})
		player.ended()
	}
	has(t, screen.do(order{Do: "start", Bytes: make([]byte, MaxHandoff+1)}).Err, "too large")
}

func TestPlayerExitCodes(t *testing.T) {
	h := newHouse(t, nil)
	screen, _ := h.screen()
	has(t, screen.do(order{Do: "relaunch"}).Err, "no hand-off")
	player := h.exam(screen, handoff)
	for _, c := range []struct {
		order order
		want  int
	}{
		{order{Do: "exit", FD: 7}, 7},
		{order{Do: "kill", FD: int(syscall.SIGKILL)}, 128 + int(syscall.SIGKILL)},
	} {
		player.ends(c.order)
		if e := screen.event(); e.Text != "exited" || e.Code != c.want {
			t.Errorf("%v: event %q %d, want exit code %d", c.order, e.Text, e.Code, c.want)
		}
		screen.must(order{Do: "relaunch"})
		player = h.next(rolePlayer)
		if got := player.must(order{Do: "hand-off"}).Text; got != handoff {
			t.Errorf("relaunched with %q", got)
		}
	}
	player.ends(order{Do: "exit", FD: 0})
	if e := screen.event(); e.Text != "exited" || e.Code != 0 {
		t.Errorf("event %q %d, want exit code 0", e.Text, e.Code)
	}
	has(t, screen.do(order{Do: "relaunch"}).Err, "no hand-off") // the exam is over: nothing is kept
	player = h.exam(screen, handoff)
	screen.must(order{Do: "stop"})
	player.ended()
	has(t, screen.do(order{Do: "relaunch"}).Err, "no hand-off")
	has(t, screen.do(order{Do: "event", Limit: 100 * time.Millisecond}).Err, "context deadline") // none for a stop
}

func TestPlayerThatCannotStart(t *testing.T) {
	h := newHouse(t, func(s *settings) { s.Command = []string{"/nonexistent/player"} })
	screen, _ := h.screen()
	for range 2 { // the first leaves nothing behind
		has(t, screen.do(order{Do: "start", Bytes: []byte(handoff)}).Err, "player start", "does not exist")
	}
	has(t, screen.do(order{Do: "relaunch"}).Err, "no hand-off")
}

func TestPlayerProofs(t *testing.T) {
	h := newHouse(t, nil)
	screen, _ := h.screen()
	player := h.exam(screen, handoff)
	for _, c := range []struct{ line, want string }{
		{`{"htm":"POST","htu":"https://evaluation.example/answers"}`, `{"proof":"`},
		{`{"htm":"GET","htu":"https://evaluation.example/","ath":"x","nonce":"n"}`, `{"proof":"`},
		{`{"htm":"POST","htu":"https://auth.example/token"}`, `{"error":"not allowed"}`},
		{`{"htm":"POST"}`, `{"error":"not allowed"}`},
		{`{"htu":"https://evaluation.example/"}`, `{"error":"malformed"}`},
		{`{"renew":true,"htm":"GET"}`, `{"error":"malformed"}`},
		{`{"renew":false}`, `{"error":"malformed"}`},
		{`{}`, `{"error":"malformed"}`},
		{`nonsense`, `{"error":"malformed"}`},
		{``, `{"error":"malformed"}`},
	} {
		player.must(order{Do: "write", Text: c.line + "\n"})
		if got := player.must(order{Do: "read"}).Text; !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: %s, want %s", c.line, got, c.want)
		}
	}
	player.must(order{Do: "write", Text: strings.Repeat("x", maxLine)})
	if r := player.do(order{Do: "read"}); r.Err == nil {
		t.Errorf("after an overlong line came %q", r.Text)
	}
}

func TestRenewal(t *testing.T) {
	h := newHouse(t, nil)
	screen, _ := h.screen()
	player := h.exam(screen, handoff)
	renew := order{Do: "write", Text: "{\"renew\":true}\n"}
	player.must(renew)
	id := screen.event().ID
	player.must(renew) // the same wish
	has(t, screen.do(order{Do: "renewed", ID: id + 1}).Err, "no renewal")
	has(t, screen.do(order{Do: "renewed", ID: id, Bytes: []byte("{\n}")}).Err, "protocol")
	screen.must(order{Do: "renewed", ID: id, Bytes: []byte(`{"access_token":"new"}`)})
	if got := player.must(order{Do: "read"}).Text; got != `{"renewed":{"access_token":"new"}}`+"\n" {
		t.Errorf("renewed: %s", got)
	}
	has(t, screen.do(order{Do: "renewed", ID: id}).Err, "no renewal")

	// One that nobody answered is told to the next screen process.
	player.must(renew)
	if e := screen.event(); e.Text != "renew" || e.ID == id {
		t.Errorf("second renewal: %+v", e)
	}
	screen.ends(order{Do: "kill", FD: int(syscall.SIGKILL)})
	screen, _ = h.screen()
	screen.must(order{Do: "renewed", ID: screen.event().ID})
	if got := player.must(order{Do: "read"}).Text; got != `{"renewed":null,"error":"unavailable"}`+"\n" {
		t.Errorf("not renewed: %s", got)
	}
}

func TestStrayOfPlayer(t *testing.T) {
	h := newHouse(t, nil)
	screen, _ := h.screen()
	player := h.exam(screen, handoff)
	stray := player.must(order{Do: "stray"}).Code
	player.ends(order{Do: "exit"})
	screen.event()
	if alive(stray) {
		t.Errorf("stray %d lives on", stray)
	}
	if !alive(screen.pid) {
		t.Error("the screen process was taken for one")
	}
}

// The player inherits descriptors 0 to 4, whatever the supervisor has open or was given.
func TestPlayerDescriptors(t *testing.T) {
	h := newHouse(t, func(s *settings) { s.Command = []string{"/bin/sleep", "60"} })
	screen, _ := h.screen()
	screen.must(order{Do: "start", Bytes: []byte(handoff)})
	var pid string
	h.eventually("player's number in the log", func() (found bool) {
		_, said, _ := strings.Cut(h.log.String(), `"player started","pid":`)
		pid, _, found = strings.Cut(said, "}")
		return found
	})
	h.eventually("descriptors 0 to 4 alone", func() bool { // at first the loader has a library open
		entries, err := os.ReadDir(filepath.Join("/proc", pid, "fd"))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range entries {
			got = append(got, e.Name())
		}
		return slices.Equal(got, []string{"0", "1", "2", "3", "4"})
	})
}
