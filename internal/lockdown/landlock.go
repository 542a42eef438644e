package lockdown

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/landlock-lsm/go-landlock/landlock"
	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// Rights on files. Those that a directory alone can have fall away on a file.
const (
	readFiles  = landlock.AccessFSSet(ll.AccessFSReadFile | ll.AccessFSReadDir)
	runFiles   = landlock.AccessFSSet(ll.AccessFSReadFile | ll.AccessFSExecute)
	runTree    = readFiles | landlock.AccessFSSet(ll.AccessFSExecute)
	useDevices = readFiles | landlock.AccessFSSet(ll.AccessFSWriteFile|ll.AccessFSIoctlDev)
	// Everything but devices, executing and ioctls on devices.
	writeFiles = readFiles | landlock.AccessFSSet(ll.AccessFSWriteFile|ll.AccessFSTruncate|
		ll.AccessFSRemoveDir|ll.AccessFSRemoveFile|ll.AccessFSMakeDir|ll.AccessFSMakeReg|
		ll.AccessFSMakeSock|ll.AccessFSMakeFifo|ll.AccessFSMakeSym|ll.AccessFSRefer)
	onFiles = landlock.AccessFSSet(ll.AccessFSExecute | ll.AccessFSWriteFile | ll.AccessFSReadFile |
		ll.AccessFSTruncate | ll.AccessFSIoctlDev)
)

// grant is a right on a path and what is below it.
type grant struct {
	rights landlock.AccessFSSet
	path   string
	must   bool // a missing path is an error, not one right less to give
}

func grants(rights landlock.AccessFSSet, must bool, paths ...string) []grant {
	var out []grant
	for _, p := range paths {
		if p != "" {
			out = append(out, grant{rights, p, must})
		}
	}
	return out
}

// abi is the kernel's Landlock ABI, 0 where there is none.
func abi() int {
	v, err := ll.LandlockGetABIVersion()
	if err != nil {
		return 0
	}
	return v
}

// strict is what exactly this kernel can restrict, at most what ABI 6 can: a newer kernel
// shall not restrict more than was tried. The second result is why it is less.
func strict(have int) (landlock.Config, error) {
	byABI := []landlock.Config{{}, landlock.V1, landlock.V2, landlock.V3, landlock.V4, landlock.V5, landlock.V6}
	if have >= NeedABI {
		return landlock.V6, nil
	}
	return byABI[max(have, 0)], &ErrLandlock{Have: have, Need: NeedABI}
}

// filesAndTCP restricts all threads to the grants and to connecting these TCP ports. Under
// config.LockdownOff an older kernel gives what it has.
func (s *sealing) filesAndTCP(files []grant, ports []uint16) {
	c, tooOld := strict(s.report.ABI)
	c.Scoped = 0
	if s.leavesOut(PartFiles) {
		c.HandledAccessFS = 0
	}
	if s.leavesOut(PartTCP) {
		c.HandledAccessNet = 0
	}
	err := tooOld
	if !s.required() || err == nil {
		err = errors.Join(err, s.restrict(c, files, ports))
	}
	for _, part := range []Part{PartFiles, PartTCP} {
		switch {
		case s.noted(part):
		case tooOld != nil && part == PartFiles && c.HandledAccessFS != 0 && !s.required():
			s.note(part, fmt.Errorf("in part: %w", err))
		default:
			s.note(part, err)
		}
	}
}

func (s *sealing) restrict(c landlock.Config, files []grant, ports []uint16) error {
	rules, err := fileRules(c, files)
	if err != nil {
		return err
	}
	if c.HandledAccessNet != 0 {
		for _, p := range ports {
			rules = append(rules, landlock.ConnectTCP(p))
		}
	}
	if err := c.Restrict(rules...); err != nil {
		return &ErrLandlock{Have: s.report.ABI, Need: NeedABI, Err: err}
	}
	return nil
}

// fileRules leaves out of each grant what c does not restrict, and what a file
// cannot have.
func fileRules(c landlock.Config, files []grant) ([]landlock.Rule, error) {
	if c.HandledAccessFS == 0 {
		return nil, nil
	}
	var rules []landlock.Rule
	for _, g := range files {
		rights := g.rights & c.HandledAccessFS
		info, err := os.Stat(g.path)
		switch {
		case errors.Is(err, fs.ErrNotExist) && !g.must:
			continue
		case err != nil:
			return nil, &ErrPart{PartFiles, fmt.Errorf("grant: %w", err)}
		case !info.IsDir():
			rights &= onFiles
		}
		if rights != 0 {
			rules = append(rules, landlock.PathAccess(rights, g.path))
		}
	}
	return rules, nil
}

// scope shuts the domain, on all threads, for the kinds of talk in parts.
func (s *sealing) scope(parts ...Part) {
	c := landlock.Config{}
	var on []Part
	for _, p := range parts {
		if s.leavesOut(p) {
			continue
		}
		on = append(on, p)
		if p == PartSignals {
			c.Scoped |= landlock.ScopedSet(ll.ScopeSignal)
		} else {
			c.Scoped |= landlock.ScopedSet(ll.ScopeAbstractUnixSocket)
		}
	}
	_, err := strict(s.report.ABI)
	if err == nil {
		err = signalsAmongThreads(s.report.ABI)
	}
	if err == nil && len(on) > 0 {
		if err = c.RestrictScoped(); err != nil {
			err = &ErrLandlock{Have: s.report.ABI, Need: NeedABI, Err: err}
		}
	}
	for _, p := range on {
		s.note(p, err)
	}
}

// Before ABI 8 each thread enters a domain of its own, and kernels without the cure of erratum 2
// (6.12.0 to 6.12.24) deny signals between them: Go's scheduler and the very call that
// seals the other threads would stall.
const (
	abiOneDomain = 8
	erratumTwo   = 1 << 1
)

var errErratum = errors.New("this kernel denies signals among the threads of one process (Landlock erratum 2); update it")

func signalsAmongThreads(have int) error {
	if have >= abiOneDomain {
		return nil
	}
	errata, err := ll.LandlockGetErrata()
	if err == nil && errata&erratumTwo == 0 {
		err = errErratum
	}
	if err != nil {
		return &ErrLandlock{Have: have, Need: NeedABI, Err: err}
	}
	return nil
}

// scopeThread shuts the domain of the calling thread alone, and of what it starts, for
// signals.
func (s *sealing) scopeThread() {
	s.apply(PartSignals, func() error {
		if _, err := strict(s.report.ABI); err != nil {
			return err
		}
		fd, err := ll.LandlockCreateRuleset(&ll.RulesetAttr{Scoped: ll.ScopeSignal}, 0)
		if err == nil {
			err = errors.Join(ll.LandlockRestrictSelf(fd, 0), unix.Close(fd))
		}
		if err != nil {
			return &ErrLandlock{Have: s.report.ABI, Need: NeedABI, Err: err}
		}
		return nil
	})
}
