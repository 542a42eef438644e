package lockdown

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"runtime"
	"strconv"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// extras are what single tests ask for beside the probes.
func (o order) extras(f *finding) {
	if o.Scope {
		runtime.LockOSThread() // for the rest of this process
		var err error
		if f.Scope, err = ScopeChildren(SupervisorOptions{Mode: o.Mode}); err != nil {
			f.Notes = append(f.Notes, err.Error())
		}
	}
	if o.RunPlayer {
		out, err := exec.Command(o.Player[0], o.Player[1:]...).CombinedOutput()
		f.Player = string(out) + errText(err)
	}
	if o.KillPlayer {
		f.Player = errText(killPlayer(exec.Command(o.Player[0])))
	}
	if o.DialAfter != "" {
		var d net.Dialer
		d.SetMultipathTCP(false)
		c, err := d.Dial("tcp", o.DialAfter)
		f.Dial = errText(err)
		if err == nil {
			_ = c.Close()
		}
	}
	if o.LookUp != "" {
		r := Resolver()
		dial := r.Dial
		r.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) { return dial(ctx, network, o.DNSServer) }
		addrs, err := r.LookupHost(context.Background(), o.LookUp)
		f.Looked, f.Dial = addrs, errText(err)
	}
	if o.Reconnect != "" {
		f.Notes = reconnect(o.Reconnect)
	}
	if o.Then != nil {
		then, err := o.Then.start("/proc/self/exe", childWord, nil, nil)
		if err != nil {
			f.Notes = append(f.Notes, err.Error())
		}
		f.Then = &then
	}
}

// killPlayer starts a player on this thread and ends it from another.
func killPlayer(cmd *exec.Cmd) error {
	if err := cmd.Start(); err != nil {
		return err
	}
	killed := make(chan error)
	go func() {
		runtime.LockOSThread()
		killed <- unix.Kill(cmd.Process.Pid, unix.SIGKILL)
	}()
	if err := <-killed; err != nil {
		return errors.Join(fmt.Errorf("kill: %w", err), cmd.Process.Kill(), cmd.Wait())
	}
	return cmd.Wait()
}

// reconnect tries to make something else of a connected TCP socket that was passed in.
func reconnect(to string) []string {
	const fd = 3
	var notes []string
	say := func(what string, err error) { notes = append(notes, what+": "+errText(err)) }
	say("write", func() error { _, err := unix.Write(fd, []byte("x")); return err }())
	say("disconnect", disconnect(fd))
	_, port, err := net.SplitHostPort(to)
	if err != nil {
		return append(notes, err.Error())
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		return append(notes, err.Error())
	}
	say("connect", unix.Connect(fd, ip4.loopback(n)))
	say("listen", unix.Listen(fd, 1))
	say("fastopen", unix.Sendto(fd, []byte("x"), unix.MSG_FASTOPEN, ip4.loopback(n)))
	return notes
}

// startThreads makes threads that exist before sealing. Each answers with its own probes.
func startThreads(n int) []func(ProbeOptions) []ProbeResult {
	var out []func(ProbeOptions) []ProbeResult
	for range n {
		ask, answer, up := make(chan ProbeOptions), make(chan []ProbeResult), make(chan struct{})
		go func() {
			runtime.LockOSThread()
			close(up)
			answer <- Probe(context.Background(), <-ask)
		}()
		<-up
		out = append(out, func(p ProbeOptions) []ProbeResult {
			ask <- p
			return <-answer
		})
	}
	return out
}

// olderKernel has this process meet a kernel that lacks things.
func olderKernel(what string) error {
	var program []bpf.Instruction
	ret := func(e unix.Errno) bpf.Instruction { return bpf.RetConstant{Val: uint32(refuse(e))} }
	load := func(off uint32) bpf.Instruction { return bpf.LoadAbsolute{Off: off, Size: 4} }
	done := bpf.RetConstant{Val: uint32(allow)}
	switch what {
	case "enosys": // before 5.13, or not compiled in
		program = []bpf.Instruction{load(offNumber),
			bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.SYS_LANDLOCK_CREATE_RULESET, SkipFalse: 1}, ret(unix.ENOSYS), done}
	case "disabled": // not in the lsm= list
		program = []bpf.Instruction{load(offNumber),
			bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.SYS_LANDLOCK_CREATE_RULESET, SkipFalse: 1}, ret(unix.EOPNOTSUPP), done}
	case "noseccomp": // a container whose filter forbids more filters
		program = []bpf.Instruction{load(offNumber),
			bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.SYS_SECCOMP, SkipFalse: 1}, ret(unix.EINVAL), done}
	case "abi2":
		return abiTwo()
	default:
		return fmt.Errorf("no such kernel: %q", what)
	}
	raw, err := bpf.Assemble(program)
	if err != nil {
		return err
	}
	return installRaw(raw)
}
