// Package identitytest holds what tests of identity providers share: Run, the conformance
// suite that every adapter passes against every server it claims to speak to,
// and Fake, a provider without a server for tests of what lies above the port.
//
// Only tests import it.
//
//	identitytest.Run(t, identitytest.Harness{
//		Start:  func(t *testing.T) *identitytest.Service { … },
//		Cannot: map[identitytest.Ability]string{identitytest.ExpireCodes: "the server's clock is its own"},
//	})
//
// A server that cannot be brought to do something says so, with the reason, in Cannot;
// a Service that lacks a function without saying so fails.
package identitytest
