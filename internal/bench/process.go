package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// child is a program under measurement, in a process group of its own.
type child struct {
	cmd  *exec.Cmd
	done chan struct{}
}

func startChild(env []string, bin string, args ...string) (*child, error) {
	cmd := exec.Command(bin, args...)
	cmd.Env = env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", bin, err)
	}
	c := &child{cmd: cmd, done: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // it is killed: how it ended says nothing
		close(c.done)
	}()
	return c, nil
}

// Pid is the process's number.
func (c *child) Pid() int { return c.cmd.Process.Pid }

// Kill ends the whole group and waits until the first of it is gone.
func (c *child) Kill() error {
	err := syscall.Kill(-c.Pid(), syscall.SIGKILL)
	<-c.done
	if errors.Is(err, syscall.ESRCH) {
		return nil
	}
	return err
}

// stat is what /proc/PID/stat says (proc(5)).
type stat struct {
	parent int
	ticks  int64 // utime + stime, in userHZ
}

// userHZ is the unit of /proc/PID/stat on every Linux Go runs on.
const userHZ = 100

func readStat(pid int) (stat, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return stat{}, err
	}
	// The name, in brackets, may hold anything; the state follows it.
	f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	const parent, utime, stime = 1, 11, 12
	if len(f) <= stime {
		return stat{}, fmt.Errorf("/proc/%d/stat: %d fields", pid, len(f))
	}
	var s stat
	var errs [3]error
	var user, system int64
	s.parent, errs[0] = strconv.Atoi(f[parent])
	user, errs[1] = strconv.ParseInt(f[utime], 10, 64)
	system, errs[2] = strconv.ParseInt(f[stime], 10, 64)
	s.ticks = user + system
	return s, errors.Join(errs[:]...)
}

// gone reports that a process ended while it was being read.
func gone(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) }

// tree is the process and all it started, directly or not.
func tree(root int) (map[int]stat, error) {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	all := map[int]stat{}
	for _, dir := range dirs {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			return nil, err
		}
		s, err := readStat(pid)
		if gone(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		all[pid] = s
	}
	if _, ok := all[root]; !ok {
		return nil, fmt.Errorf("process %d has ended", root)
	}
	out := map[int]stat{}
	for pid := range all {
		for up := pid; up > 1; up = all[up].parent {
			if up == root {
				out[pid] = all[pid]
				break
			}
		}
	}
	return out, nil
}

// memory is the tree's proportional set size in MB (10⁶ bytes) and its number of
// processes. A page shared with other programs counts in part.
func memory(root int) (mb float64, processes int, err error) {
	pids, err := tree(root)
	if err != nil {
		return 0, 0, err
	}
	for pid := range pids {
		kb, err := pss(pid)
		if gone(err) {
			continue
		}
		if errors.Is(err, fs.ErrPermission) {
			return 0, 0, fmt.Errorf("%w: a sealed process tells its memory to root alone", err)
		}
		if err != nil {
			return 0, 0, err
		}
		mb += float64(kb) * 1024 / 1e6
		processes++
	}
	return mb, processes, nil
}

func pss(pid int) (kb int64, err error) {
	name := fmt.Sprintf("/proc/%d/smaps_rollup", pid)
	b, err := os.ReadFile(name)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) >= 2 && f[0] == "Pss:" {
			return strconv.ParseInt(f[1], 10, 64)
		}
	}
	return 0, fmt.Errorf("%s: no Pss", name)
}

// idle is the processor time, in seconds a minute, that the tree takes over a window
// in which nobody touches it.
func idle(root int, window time.Duration) (float64, error) {
	before, err := tree(root)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	<-time.After(window)
	after, err := tree(root)
	if err != nil {
		return 0, err
	}
	var ticks int64
	for pid, s := range after {
		ticks += s.ticks - before[pid].ticks
	}
	return float64(ticks) / userHZ * 60 / time.Since(began).Seconds(), nil
}
