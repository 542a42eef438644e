package fipa

import (
	"io"
	"log"
	"testing"
	"time"

	"portillon/internal/identity/identitytest"
)

// quiet takes the server's complaints about clients that leave.
var quiet = log.New(io.Discard, "", 0)

// service is the reference server behind a network that can be cut.
func service(t *testing.T) *identitytest.Service {
	r := newReference(t)
	r.nonce = "nonce-1"
	var way identitytest.Network
	cfg := r.config()
	cfg.Dial = way.Dial
	return &identitytest.Service{
		Provider:    mustNew(t, cfg),
		Add:         func(_ testing.TB, a identitytest.Account) { r.fake.Add(a) },
		Codes:       func(_ testing.TB, to string, _ int) []string { return r.fake.Mailed(to) },
		Expire:      func(testing.TB) { r.fake.Pass(identitytest.FakeCodeValid) },
		AllowResend: func(testing.TB) { r.fake.Pass(time.Minute) },
		KnownTablet: func(_ testing.TB, known bool) { r.fake.SetKnownTablet(known) },
		Down: func(_ testing.TB, down bool) {
			way.Cut(down)
			if down {
				r.srv.CloseClientConnections()
			}
		},
	}
}

func TestConformance(t *testing.T) {
	identitytest.Run(t, identitytest.Harness{Start: service})
}
