package supervisor

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"

	"portillon/internal/config"
)

// expiresSoon is how long before its end a configuration's expiry is warned of.
const expiresSoon = 7 * 24 * time.Hour

// errReplaced ends Run: another configuration lies there, and this process was sealed for
// the hosts of the old one.
var errReplaced = errors.New("supervisor: the configuration was replaced")

// standing is what it takes to judge the configuration again once this process is sealed and
// reads neither the public key nor the serial any more. Only two things change by then: the
// time, and the files.
type standing struct {
	config    *config.Config
	key       ed25519.PublicKey
	signature config.Signature
	err       error // as found at the start
	files     [2]fileMark
}

func newStanding(c *config.Config, keyFile string, found error) *standing {
	p := &standing{config: c, err: found, files: fileMarks(c)}
	if found != nil && !errors.Is(found, config.ErrExpired) {
		return p // no later time mends it
	}
	var err error
	if p.key, err = config.LoadPublicKey(keyFile); err == nil {
		p.signature, err = config.LoadSignature(c.Path)
	}
	if err != nil { // at the start both were read a moment ago
		p.key, p.err = nil, errors.Join(found, err)
	}
	return p
}

// Judge tells how a configuration's signature and expiry stand on this tablet, as the supervisor
// would tell when it starts, and remembers nothing. A serial that may not be read is taken for none:
// then going back is not noticed.
func Judge(c *config.Config, keyFile, stateDir string, now time.Time) []Finding {
	p := newStanding(c, keyFile, nil)
	if p.err == nil {
		at := &state{dir: stateDir}
		highest, err := config.HighestSerial(at.serial())
		if gone := at.recordGone(); gone != nil {
			err = gone
		}
		if err != nil && !errors.Is(err, fs.ErrPermission) {
			p.key, p.err = nil, err
		} else if p.key != nil {
			if err := p.signature.Verify(c.Raw, p.key, now, highest); err != nil {
				p.key, p.err = nil, fmt.Errorf("%s: %w", c.Path, err)
			}
		}
	}
	return p.findings(now)
}

// judged is what holds of the configuration at now.
func (p *standing) judged(now time.Time) error {
	if p.key == nil {
		return p.err
	}
	// Older serials were refused at the start; this file's cannot have changed.
	if err := p.signature.Verify(p.config.Raw, p.key, now, 0); err != nil {
		return fmt.Errorf("%s: %w", p.config.Path, err)
	}
	if errors.Is(p.err, config.ErrExpired) {
		// It was refused when its serial could still have been compared, and remembered.
		return errReplaced
	}
	return p.err
}

// findings are the configuration's at now. A demonstration's has none.
func (p *standing) findings(now time.Time) []Finding {
	if p == nil {
		return nil
	}
	if err := p.judged(now); err != nil {
		return []Finding{{ID: findingSignature, Detail: err.Error()}} // its end means nothing
	}
	end := p.signature.NotAfter
	return []Finding{{ID: findingSignature, OK: true, Detail: fmt.Sprintf("serial %d", p.signature.Serial)},
		{ID: findingExpiry, OK: end.Sub(now) >= expiresSoon, Detail: "expires on " + end.Format(time.DateOnly)}}
}

// replaced reports whether this process must start anew to judge the configuration: one that
// was too old for a clock that is now right, or other files, unless they are such that no process
// would start with them (half of a copy).
func (p *standing) replaced(now time.Time) bool {
	switch {
	case p == nil:
		return false
	case errors.Is(p.judged(now), errReplaced):
		return true
	case fileMarks(p.config) == p.files:
		return false
	}
	_, err := config.Load(p.config.Path)
	_, unfit := errors.AsType[config.Errors](err)
	// A new file is mostly none of those that this sealed process may read: then it cannot say.
	return !unfit && !errors.Is(err, fs.ErrNotExist)
}

// fileMark tells one file from another of the same name; zero: there is none.
type fileMark struct {
	size, modified int64 // bytes; nanoseconds since the Unix epoch
	inode          uint64
}

func fileMarks(c *config.Config) (out [2]fileMark) {
	for i, path := range []string{c.Path, c.Path + config.SignatureSuffix} {
		if info, err := os.Stat(path); err == nil {
			out[i] = fileMark{size: info.Size(), modified: info.ModTime().UnixNano()}
			if st, ok := info.Sys().(*syscall.Stat_t); ok {
				out[i].inode = st.Ino
			}
		}
	}
	return out
}

// findings answers a screen process that runs its checks again: what of the seals holds
// cannot change, the configuration's standing can. One that can only be judged by a new
// process is told as it was, and ends this one once the answer is on its way.
func (v *serving) findings(id uint64) error {
	now := time.Now()
	if v.standing.replaced(now) && !v.exam.under() {
		v.log.Info("the configuration was replaced, or may be good by now: ends, to be started anew")
		defer v.renew(errReplaced)
	}
	v.idle()
	return v.reply(reply{ID: id, Findings: append(v.standing.findings(now), v.sealed()...)}, nil)
}
