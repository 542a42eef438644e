package cas

import (
	"testing"

	"portillon/internal/identity/identitytest"
)

// cannot is what CAS does not do, here and in truth.
var cannot = map[identitytest.Ability]string{
	identitytest.ForgetTablet:   "CAS knows no tablets",
	identitytest.LimitAttempts:  "CAS throttles by time, and says no more",
	identitytest.NoAccountYet:   "CAS mails such an account a code at once, and says no more",
	identitytest.TellSuperseded: "CAS says the same of every code that is not the right one",
}

func TestConformance(t *testing.T) {
	for _, m := range []Mode{ModeOAuth, ModeService} {
		t.Run(string(m), func(t *testing.T) {
			identitytest.Run(t, identitytest.Harness{Start: started(m, false), Cannot: cannot})
		})
	}
}
