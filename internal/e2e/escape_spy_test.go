package e2e

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/record"
	"github.com/jezek/xgb/xproto"

	"portillon/internal/e2e/hands"
)

// spyVariable makes a spy of this test's program: which, and on which display.
const spyVariable = "E2E_SPY"

// spies are other programs on the display, without a window. The server tells nobody of what they
// do, and does not ask whether they may.
func spies(display string) map[string]func(c *xgb.Conn, root xproto.Window) error {
	status := func(s byte, err error) error {
		if err == nil && s != xproto.GrabStatusSuccess {
			err = fmt.Errorf("status %d", s)
		}
		return err
	}
	return map[string]func(c *xgb.Conn, root xproto.Window) error{
		"keeps-the-keyboard": func(c *xgb.Conn, root xproto.Window) error {
			r, err := xproto.GrabKeyboard(c, false, root, xproto.TimeCurrentTime, xproto.GrabModeAsync, xproto.GrabModeAsync).Reply()
			if err != nil {
				return err
			}
			return status(r.Status, nil)
		},
		"keeps-the-pointer": func(c *xgb.Conn, root xproto.Window) error {
			r, err := xproto.GrabPointer(c, false, root, xproto.EventMaskButtonPress, xproto.GrabModeAsync, xproto.GrabModeAsync,
				0, 0, xproto.TimeCurrentTime).Reply()
			if err != nil {
				return err
			}
			return status(r.Status, nil)
		},
		"records": func(c *xgb.Conn, _ xproto.Window) error {
			if err := record.Init(c); err != nil {
				return err
			}
			id, err := record.NewContextId(c)
			if err != nil {
				return err
			}
			all := []record.Range{{DeviceEvents: record.Range8{First: xproto.KeyPress, Last: xproto.MotionNotify}}}
			if err := record.CreateContextChecked(c, id, 0, 1, 1, []record.ClientSpec{record.CsAllClients}, all).Check(); err != nil {
				return err
			}
			hears, err := xgb.NewConnDisplay(display)
			if err != nil {
				return err
			}
			if err := record.Init(hears); err != nil {
				return err
			}
			record.EnableContext(hears, id)
			return nil
		},
		"asks-for-the-keys": func(c *xgb.Conn, _ xproto.Window) error { // some key loggers do no more
			_, err := xproto.QueryKeymap(c).Reply()
			return err
		},
		"photographs": func(c *xgb.Conn, root xproto.Window) error {
			_, err := xproto.GetImage(c, xproto.ImageFormatZPixmap, xproto.Drawable(root), 0, 0, 100, 100, 0xffffffff).Reply()
			return err
		},
	}
}

// spy is what this program does as a spy: it says so once it listens, and ends when the display has
// closed its connection.
func spy(order string) error {
	name, display, _ := strings.Cut(order, " ")
	c, err := xgb.NewConnDisplay(display)
	if err != nil {
		return err
	}
	if err := spies(display)[name](c, xproto.Setup(c).DefaultScreen(c).Root); err != nil {
		return err
	}
	fmt.Println("listening")
	for range time.Tick(20 * time.Millisecond) {
		if _, err := xproto.QueryKeymap(c).Reply(); err != nil {
			return nil //nolint:nilerr // it was put out: that is its end
		}
	}
	return nil
}

// spyTries: no such program may stay on the display where a student types.
func spyTries() []try {
	var out []try
	for _, name := range sortedKeys(spies("")) {
		out = append(out, try{name: name, item: "spy", elsewhere: true, do: func(e *escapee) {
			e.spied(exec.Command(os.Args[0]), spyVariable+"="+name+" "+e.display)
		}})
	}
	return append(out, try{name: "listens-to-raw-events", item: "spy", elsewhere: true, do: func(e *escapee) {
		e.spied(exec.Command("stdbuf", "-oL", "xinput", "--test-xi2", "--root"), "DISPLAY="+e.display)
	}})
}

// spied starts a spy, and waits until it is put out or the tablet shows no login. Once it has gone a
// student is as he was.
func (e *escapee) spied(cmd *exec.Cmd, env string) {
	e.t.Helper()
	cmd.Env = append(os.Environ(), env)
	says, err := cmd.StdoutPipe()
	e.must(err)
	e.must(cmd.Start())
	if _, err := bufio.NewReader(says).ReadString('\n'); err != nil {
		e.t.Errorf("the spy says nothing: %v, %v", err, cmd.Wait())
		return
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // it is killed, or ends with an error of its own
	}()
	e.write("qui")
	e.press(hands.BackSpace)
	over := func() bool {
		select {
		case <-ended:
			return true
		default:
			return false
		}
	}
	refused := func() bool { return e.lastScreen() == "noncompliant" }
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !over() && !refused(); <-tick.C {
		if time.Now().After(deadline) {
			e.betrayed = "it listens, and the screen is " + e.lastScreen()
			break
		}
	}
	toldOff := refused()
	e.t.Logf("%s: the spy has ended: %v, and a login is refused: %v", env, over(), toldOff)
	if !strings.Contains(e.tablet.Log(), `"incident":"stranger"`) {
		e.betrayed = "nobody noticed"
	}
	_ = cmd.Process.Kill() // where it has not ended
	<-ended
	if toldOff { // by another screen process, which knows nothing of what was typed
		e.on("email")
		e.see(emailScreen(""))
		return
	}
	e.see(emailScreen("qu"))
}
