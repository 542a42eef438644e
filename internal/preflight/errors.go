package preflight

import "errors"

var (
	errNoKeyring = errors.New("no usable keyring: a session is kept in memory only")
	errFound     = errors.New("the supervisor found it wanting; its log says why")
)
