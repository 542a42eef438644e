package supervisor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"golang.org/x/sys/unix"
)

// maxDials bounds the dials under way for one screen process.
const maxDials = 64

// serving is one screen process being served.
type serving struct {
	*supervisor
	conn  *packetConn
	ended func() // told of EndCandidate

	ctx   context.Context
	dials sync.WaitGroup
	mu    sync.Mutex
	abort map[uint64]context.CancelFunc // by number of the dial's request
}

// serve answers until the connection ends (nil) or must (an error that wraps
// errProtocol, or a failure to answer).
func (s *supervisor) serve(ctx context.Context, conn *packetConn, ended func()) error {
	ctx, cancel := context.WithCancel(ctx)
	v := &serving{supervisor: s, conn: conn, ended: ended, ctx: ctx,
		abort: map[uint64]context.CancelFunc{}}
	defer v.dials.Wait()
	defer cancel()
	defer s.exam.detach()
	for {
		n, _, err := conn.recv(s.inbox.mem[:maxPacket], false)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = v.handle(s.inbox.mem[:n])
		}
		clear(s.inbox.mem[:n])
		if err != nil {
			return err
		}
	}
}

// handle answers one packet, or starts to.
func (v *serving) handle(packet []byte) error {
	r, body, err := decodeRequest(packet)
	if err != nil {
		return err
	}
	switch r.Op {
	case opDial:
		return v.dial(r)
	case opCancel:
		v.cancel(r.Ref)
		return nil
	case opHello:
		return v.hello(r.ID)
	case opFindings:
		return v.findings(r.ID)
	case opProve:
		proof, err := v.hosts.prove(v.ctx, v.key, r.Proof.params())
		return v.reply(reply{ID: r.ID, Proof: proof}, err)
	case opPower:
		err = v.power(r.Power)
	case opNote:
		v.kept(r.Notes)
	case opStart:
		err = v.exam.start(body)
	case opRelaunch:
		err = v.exam.relaunch()
	case opStop:
		err = v.exam.stop()
	case opRenewed:
		err = v.exam.renewed(r.Ref, body)
		if errors.Is(err, errProtocol) {
			return err
		}
	case opEnd:
		err = v.end()
	}
	return v.reply(reply{ID: r.ID}, err)
}

// reply sends r, or err instead.
func (v *serving) reply(r reply, err error) error {
	if err != nil {
		r = reply{ID: r.ID, Failure: fail(err)}
		if r.Failure.Kind == kindInternal {
			v.log.Error("request failed", "err", err)
		}
	}
	return v.conn.send(r, nil)
}

// hello answers and lets events flow.
func (v *serving) hello(id uint64) error {
	var sent error
	tell := func(r reply) {
		// The receiving side sees a broken connection too, and ends the process.
		if sent = errors.Join(sent, v.conn.send(r, nil)); sent != nil {
			v.log.Warn("screen process does not read", "err", sent)
			closeLogged(v.log, v.conn)
		}
	}
	v.exam.attach(func(e Event) { tell(event(e)) }, func(inExam bool) {
		tell(reply{ID: id, Hello: &Hello{
			Restarted: v.restarted, PlayerRunning: inExam, Thumbprint: v.key.Thumbprint(),
			StateDir: v.state.dir, SessionDir: v.state.session(), BootID: v.state.boot,
			Notes: v.notes, ConfigSerial: v.serial, ConfigSHA256: v.o.Config.SHA256(),
		}})
	})
	return nil
}

// end wipes all there is of the candidate. What cannot be wiped now is wiped before
// the next screen process starts; it does not start before.
func (v *serving) end() error {
	v.ended()
	err := v.state.wipe()
	if errors.Is(err, unix.ENOTEMPTY) {
		// The toolkit, still alive, made its settings anew behind our back.
		err = nil
	}
	return errors.Join(v.exam.stop(), err)
}

// dial dials beside other work and sends the socket.
func (v *serving) dial(r request) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.abort) >= maxDials {
		return v.reply(reply{ID: r.ID}, ErrBusy)
	}
	if v.abort[r.ID] != nil {
		return fmt.Errorf("%w: request number used twice", errProtocol)
	}
	ctx, cancel := context.WithCancel(v.ctx)
	v.abort[r.ID] = cancel
	v.dials.Go(func() {
		defer v.cancel(r.ID)
		if err := v.dialed(ctx, r); err != nil {
			v.log.Warn("dial not answered", "err", err)
		}
	})
	return nil
}

// cancel ends the dial with this request number, if it is under way.
func (v *serving) cancel(id uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if cancel := v.abort[id]; cancel != nil {
		cancel()
		delete(v.abort, id)
	}
}

// dialed sends the connected socket, or why there is none. Ours is closed in any case.
func (v *serving) dialed(ctx context.Context, r request) error {
	conn, err := v.hosts.dial(ctx, v.resolver, *r.Dial)
	if err != nil {
		return v.reply(reply{ID: r.ID}, err)
	}
	defer closeLogged(v.log, conn)
	raw, err := conn.SyscallConn()
	if err != nil {
		return v.reply(reply{ID: r.ID}, err)
	}
	var sent error
	if err := raw.Control(func(fd uintptr) { sent = v.conn.send(reply{ID: r.ID}, nil, int(fd)) }); err != nil {
		return v.reply(reply{ID: r.ID}, err)
	}
	return sent
}

// event is e as a packet's head.
func event(e Event) reply {
	switch e := e.(type) {
	case PlayerExited:
		return reply{Exited: &e.Code}
	case RenewRequested:
		return reply{Renewal: e.ID}
	}
	return reply{}
}
