package guard

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/res"
	"github.com/jezek/xgb/xproto"
)

// ErrOccupied: another program holds the display and cannot be put out of it. The process ends,
// and with it whatever was typed; the next one finds the display occupied and says so.
var ErrOccupied = errors.New("another program is connected to the display and stays")

// ErrVacated: the display was occupied when guarding began, and is not any more. The process
// ends, and the next one starts on a display of its own.
var ErrVacated = errors.New("the display is ours again")

// How long a stranger may stay. The first is long enough for a program that asks one thing and
// goes, as those do that arrange outputs; the second for the server to have closed a connection.
const (
	strangerLeaves = time.Second
	strangerStays  = 4 * time.Second // where Options.Stays says nothing else
)

// X-Resource 1.2 (resproto.txt); the library has its requests, and reads two replies wrongly.
const (
	resQueryClientIds     = 4
	resQueryResourceBytes = 5

	resClientXID      = 1 << 0
	resLocalClientPID = 1 << 1

	replyHead = 32
)

// company is who else is connected to the display, and since when.
type company struct {
	since    map[uint32]time.Time // by resource base
	occupied bool                 // when guarding began
}

// client is a connection to the server.
type client struct {
	base uint32
	pid  int // 0: not told
}

// acquaint asks whether the server tells of its clients, and whether there are strangers.
func (g *Guard) acquaint() error {
	g.company.since = map[uint32]time.Time{}
	if err := res.Init(g.c); err != nil {
		return fmt.Errorf("clients: %w", err)
	}
	if _, err := res.QueryVersion(g.c, 1, 2).Reply(); err != nil {
		return fmt.Errorf("clients: %w", err)
	}
	strangers, err := g.strangers()
	if err != nil {
		return fmt.Errorf("clients: %w", err)
	}
	g.company.occupied = len(strangers) > 0
	return nil
}

// Occupied: somebody else was on the display when guarding began. Then it ends with ErrVacated
// once that is over.
func (g *Guard) Occupied() bool { return g.company.occupied }

// strangers are the clients that are neither ours, nor the window manager's, nor of kin.
func (g *Guard) strangers() ([]client, error) {
	all, err := g.clients()
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(c client) bool {
		return c.base == 0 /* the server itself */ || g.own(xproto.Window(c.base)) ||
			c.base == xproto.Setup(g.c).ResourceIdBase || c.pid != 0 && slices.Contains(g.options.Kin, c.pid) ||
			slices.ContainsFunc(g.options.Ours, func(w uint32) bool { return w&^g.mask == c.base })
	}), nil
}

// clients are all connections.
func (g *Guard) clients() ([]client, error) {
	const every = 0
	b, err := g.ask(resQueryClientIds, 1, every, resClientXID|resLocalClientPID)
	if err != nil {
		return nil, err
	}
	return readClients(b)
}

// ask sends a request of X-Resource and waits for its reply.
func (g *Guard) ask(minor byte, words ...uint32) ([]byte, error) {
	g.c.ExtLock.RLock()
	major := g.c.Extensions["X-Resource"]
	g.c.ExtLock.RUnlock()
	b := make([]byte, 4+4*len(words))
	b[0], b[1] = major, minor
	xgb.Put16(b[2:], uint16(len(b)/4))
	for i, w := range words {
		xgb.Put32(b[4+4*i:], w)
	}
	cookie := g.c.NewCookie(true, true)
	g.c.NewRequest(b, cookie)
	return cookie.Reply()
}

// errReply: a server's answer that is none.
var errReply = errors.New("a reply that cannot be read")

// readClients reads the reply to QueryClientIds: a count, and for each identity its client, its
// kind, its length in bytes and itself.
func readClients(b []byte) ([]client, error) {
	const head = 12
	if len(b) < replyHead {
		return nil, fmt.Errorf("%w: %d bytes", errReply, len(b))
	}
	var out []client
	n := xgb.Get32(b[8:])
	for b = b[replyHead:]; n > 0; n-- {
		if len(b) < head || uint64(len(b)-head) < uint64(xgb.Get32(b[8:])) {
			return nil, fmt.Errorf("%w: %d identities are missing", errReply, n)
		}
		base, kind, size := xgb.Get32(b), xgb.Get32(b[4:]), int(xgb.Get32(b[8:]))
		i := slices.IndexFunc(out, func(c client) bool { return c.base == base })
		if i < 0 {
			i, out = len(out), append(out, client{base: base})
		}
		if kind == resLocalClientPID && size >= 4 {
			out[i].pid = int(xgb.Get32(b[head:]))
		}
		b = b[head+size:]
	}
	return out, nil
}

// readResources reads what a reply to QueryResourceBytes begins with: a count, and for each
// resource its number, kind, size and uses, then what it refers to.
func readResources(b []byte) ([]uint32, error) {
	const head, perReference = 24, 20
	if len(b) < replyHead {
		return nil, fmt.Errorf("%w: %d bytes", errReply, len(b))
	}
	var out []uint32
	n := xgb.Get32(b[8:])
	for b = b[replyHead:]; n > 0; n-- {
		if len(b) < head || uint64(len(b)-head) < perReference*uint64(xgb.Get32(b[20:])) {
			return nil, fmt.Errorf("%w: %d resources are missing", errReply, n)
		}
		out = append(out, xgb.Get32(b))
		b = b[head+perReference*int(xgb.Get32(b[20:])):]
	}
	return out, nil
}

// alone looks for other programs on the display, which need no window to listen. They are
// disconnected; one that cannot be ends the guarding, and with it the process.
func (g *Guard) alone() (well bool) {
	if g.standsAside() {
		return true
	}
	now := time.Now()
	strangers, err := g.strangers()
	if err != nil {
		return false
	}
	for base := range g.company.since {
		if !slices.ContainsFunc(strangers, func(c client) bool { return c.base == base }) {
			delete(g.company.since, base)
		}
	}
	if len(strangers) == 0 { // and so nobody who could have grabbed anything
		if g.company.occupied {
			g.finish(ErrVacated)
		}
		return true
	}
	held, err := g.held()
	if err != nil {
		return false
	}
	if held {
		g.tell(Incident{Kind: Grabbed})
	}
	for _, c := range strangers {
		since, known := g.company.since[c.base]
		if !known {
			since, g.company.since[c.base] = now, now
		}
		g.tell(Incident{Kind: Stranger, PID: c.pid})
		if held || now.Sub(since) >= strangerLeaves {
			g.disconnect(c)
		}
		if !g.company.occupied && now.Sub(since) >= cmp.Or(g.options.Stays, strangerStays) {
			g.finish(ErrOccupied)
		}
	}
	return false
}

// disconnect has the server close a client's connection. It does so for who owns a given
// resource; a client that made none at all cannot be named, and stays.
func (g *Guard) disconnect(c client) {
	const whatever, every = 0, 1
	b, err := g.ask(resQueryResourceBytes, c.base, every, whatever, whatever)
	if err != nil {
		return // it has gone
	}
	ids, err := readResources(b)
	if err != nil {
		return
	}
	for _, id := range ids {
		if id&^g.mask == c.base { // not one that the server made on its behalf
			xproto.KillClient(g.c, id)
			return
		}
	}
}

// held: another client has grabbed the keyboard or the pointer. The server is asked for both and
// gives them back at once; in between it keeps what is typed, so nothing is lost. The toolkit is
// told that the keyboard went and came, which it heeds not, being told why.
func (g *Guard) held() (bool, error) {
	f, err := xproto.GetInputFocus(g.c).Reply()
	if err != nil {
		return false, err
	}
	if f.Focus == g.window {
		asked := xproto.GrabKeyboard(g.c, false, g.window, xproto.TimeCurrentTime, xproto.GrabModeAsync, xproto.GrabModeSync)
		xproto.UngrabKeyboard(g.c, xproto.TimeCurrentTime)
		if a, err := asked.Reply(); err != nil || taken(a.Status) {
			return err == nil, err
		}
	}
	const tries = 3 // a finger may come and go in between
	for range tries {
		if held, err := g.pointerHeld(); err != nil || !held {
			return false, err
		}
	}
	return true, nil
}

// pointerHeld: whoever holds a button down has the pointer, as our own student does. So it is asked
// before and after whether one is down.
func (g *Guard) pointerHeld() (bool, error) {
	at, idle, err := g.pointer()
	if err != nil || !idle {
		return false, err
	}
	asked := xproto.GrabPointer(g.c, false, at, 0, xproto.GrabModeSync, xproto.GrabModeAsync, xproto.WindowNone, xproto.CursorNone, xproto.TimeCurrentTime)
	xproto.UngrabPointer(g.c, xproto.TimeCurrentTime)
	a, err := asked.Reply()
	if err != nil || !taken(a.Status) {
		return false, err
	}
	_, idle, err = g.pointer()
	return idle, err
}

func taken(status byte) bool {
	return status == xproto.GrabStatusAlreadyGrabbed || status == xproto.GrabStatusFrozen
}

// pointer is the window of ours that the pointer is in, and whether no button is down.
func (g *Guard) pointer() (at xproto.Window, idle bool, err error) {
	const buttons = xproto.KeyButMaskButton1 | xproto.KeyButMaskButton2 | xproto.KeyButMaskButton3 | xproto.KeyButMaskButton4 | xproto.KeyButMaskButton5
	p, err := xproto.QueryPointer(g.c, g.window).Reply()
	if err != nil {
		return 0, false, err
	}
	at = g.window
	if p.Child != 0 {
		at = p.Child
	}
	return at, p.Mask&buttons == 0, nil
}
