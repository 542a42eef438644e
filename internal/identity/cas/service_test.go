package cas

import (
	"testing"
	"time"

	"portillon/internal/identity/identitytest"
)

// started is the reference behind a network that can be cut.
func started(m Mode, combined bool) func(*testing.T) *identitytest.Service {
	return func(t *testing.T) *identitytest.Service {
		r := newReference(t)
		r.combined = combined
		var n identitytest.Network
		cfg := r.config(m)
		cfg.Dial = n.Dial
		return &identitytest.Service{
			Provider: mustNew(t, cfg),
			Add: func(_ testing.TB, a identitytest.Account) {
				r.set(func() { r.accounts = append(r.accounts, a) })
			},
			Codes: func(_ testing.TB, to string, _ int) []string {
				r.mu.Lock()
				defer r.mu.Unlock()
				return append([]string(nil), r.mails[to]...)
			},
			Expire:      func(testing.TB) { r.set(func() { r.ahead += refCodeLife + time.Second }) },
			AllowResend: func(testing.TB) {},
			Down: func(_ testing.TB, down bool) {
				n.Cut(down)
				if down {
					r.srv.CloseClientConnections()
				}
			},
		}
	}
}
