package realidp

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// Bounds of waiting for another process.
const (
	readyWithin = 60 * time.Second
	stopWithin  = 15 * time.Second
	pollEvery   = 20 * time.Millisecond
)

// process is a server under way.
type process struct {
	cmd *exec.Cmd
	// ended is closed when the process has, however it ended; end holds how.
	ended chan struct{}
	end   error
}

// begin starts cmd. A test that is killed leaves no server behind.
func begin(cmd *exec.Cmd) (*process, error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, ended: make(chan struct{})}
	go func() {
		p.end = cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

// ready waits until answers finds nothing wrong.
func (p *process) ready(ctx context.Context, answers func(context.Context) error) error {
	return p.readyWithin(ctx, readyWithin, answers)
}

func (p *process) readyWithin(ctx context.Context, limit time.Duration, answers func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		err := answers(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.ended:
			return fmt.Errorf("ended at once: %w", errors.Join(p.end, err))
		case <-ctx.Done():
			return fmt.Errorf("not ready: %w", errors.Join(ctx.Err(), err))
		case <-tick.C:
		}
	}
}

// stop asks the process to end, and sees to it. A process that is nil has ended.
func (p *process) stop() error {
	if p == nil {
		return nil
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	limit := time.NewTimer(stopWithin)
	defer limit.Stop()
	select {
	case <-p.ended: // it was asked to
		return nil
	case <-limit.C:
		err := p.cmd.Process.Kill()
		<-p.ended
		return errors.Join(errors.New("realidp: a server had to be killed"), err)
	}
}
