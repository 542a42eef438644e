package command

import (
	"os"
	"runtime/debug"
)

// What the collector may leave lying: four times what is in use, and fewer as the program
// nears 512 MiB. Every password allocates 19 MiB, so that with Go's own "as much as is in
// use" all connections and sessions of a crowd are walked through after every few passwords.
const (
	garbage     = 400       // per cent of what is in use
	memoryLimit = 512 << 20 // bytes, a soft limit
)

// collectRarely sets the collector for a service of passwords, where the operator has not
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
