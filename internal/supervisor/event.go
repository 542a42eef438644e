package supervisor

// Event is something the supervisor tells the screen process unasked.
//
//sumtype:decl
type Event interface{ isEvent() }

type (
	// PlayerExited: the player ended by itself with this exit code, 128+n where
	// signal n killed it. It is told again to every new screen process until
	// RelaunchPlayer, StartPlayer, StopPlayer or EndCandidate answers it.
	PlayerExited struct{ Code int }
	// RenewRequested: the player wants a renewed token; answer with
	// Client.AnswerRenewal and this ID within RenewalLimit.
	RenewRequested struct{ ID uint64 }
)

func (PlayerExited) isEvent()   {}
func (RenewRequested) isEvent() {}
