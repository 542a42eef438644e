package supervisor

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// page is memory for what is secret: locked, left out of core dumps and of forked
// children, wiped after use. Not safe for concurrent use.
type page struct {
	mem []byte
	n   int
}

// newPage fails where the kernel grants no locked memory (RLIMIT_MEMLOCK).
func newPage(size int) (*page, error) {
	mem, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return nil, fmt.Errorf("supervisor: secret page: %w", err)
	}
	err = unix.Mlock(mem)
	for _, advice := range []int{unix.MADV_DONTDUMP, unix.MADV_WIPEONFORK} {
		if err == nil {
			err = unix.Madvise(mem, advice)
		}
	}
	if err != nil {
		_ = unix.Munmap(mem) // nothing was written yet
		return nil, fmt.Errorf("supervisor: lock secret page: %w", err)
	}
	return &page{mem: mem}, nil
}

// set replaces what the page holds.
func (p *page) set(b []byte) error {
	if len(b) > len(p.mem) {
		return ErrTooLarge
	}
	p.wipe()
	p.n = copy(p.mem, b)
	return nil
}

// bytes is what the page holds, in place.
func (p *page) bytes() []byte { return p.mem[:p.n:p.n] }

func (p *page) wipe() {
	clear(p.mem)
	p.n = 0
}

// close wipes the page and gives it back.
func (p *page) close() {
	p.wipe()
	_ = unix.Munmap(p.mem) // it fails only for a page that is not ours
	p.mem = nil
}
