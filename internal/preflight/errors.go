package preflight

import "errors"

var errNoKeyring = errors.New("no usable keyring: a session is kept in memory only")
