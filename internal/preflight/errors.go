package preflight

import "errors"

// ErrUnknown is wrapped by a Probe that could not look, because of something that another
// check tells. Where no other check does, Run takes it for a failure.
var ErrUnknown = errors.New("not known")

var (
	// errNotTold: the supervisor did not say how it found this.
	errNotTold = errors.New("the supervisor does not say")
	// errNotReached: nothing came from the service that would tell.
	errNotReached = errors.New("the service was not reached")
)
