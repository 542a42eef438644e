package command

import (
	"os"
	"runtime/debug"
)

// What the collector may leave lying: twice what is in use, and less as the program nears 512 MiB,
// which it does only when many people are imported at once: each new hash takes 19 MiB. A login's
// leaves nothing large (package argon2id).
const (
	garbage     = 200       // per cent of what is in use
	memoryLimit = 512 << 20 // bytes, a soft limit
)

// collectRarely sets the collector for a service that a crowd comes to, where the operator has not
// said otherwise by GOGC or GOMEMLIMIT.
func collectRarely() {
	_, percent := os.LookupEnv("GOGC")
	_, limit := os.LookupEnv("GOMEMLIMIT")
	if percent || limit {
		return
	}
	debug.SetGCPercent(garbage)
	debug.SetMemoryLimit(memoryLimit)
}
