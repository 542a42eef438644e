// Command rehearsal is the identity service's side of an exam on one machine; see
// package internal/rehearsal.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"portillon/internal/rehearsal/command"
)

func main() { os.Exit(run()) }

func run() int {
	command.IgnoreFileSizeSignal()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return command.Run(ctx, os.Args[1:], command.Env{Stdout: os.Stdout, Stderr: os.Stderr})
}
