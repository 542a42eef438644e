package command

import (
	"os/signal"
	"syscall"
)

// IgnoreFileSizeSignal makes of a file-size limit (RLIMIT_FSIZE, a quota) what a full
// disk is: an error of the write. Without it the kernel's signal ends the process.
func IgnoreFileSizeSignal() { signal.Ignore(syscall.SIGXFSZ) }
