// Package ctl is portillonctl, the exam centre's command: one table of commands, each
// a function that returns an error. cmd/portillonctl calls Main and nothing else
// does.
//
// What a command finds goes to standard output, as JSON where --json is given; what
// went wrong goes to standard error in one line each.
package ctl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// The exit codes of every command.
const (
	ExitOK    = 0
	ExitError = 1 // it ran and the answer is no, or it could not run
	ExitUsage = 2 // it was not understood
)

// errUsage is wrapped by everything that is a question of how to type it.
var errUsage = errors.New("usage")

// errSaid ends a command whose output has said already that the answer is no.
var errSaid = errors.New("said already")

// run is what a command works with.
type run struct {
	out, err io.Writer
}

type command struct {
	name  string // one or two words
	args  string
	about string
	do    func(ctx context.Context, r run, args []string) error
}

// commands in the order of help.
func commands() []command {
	return []command{
		{"config check", "[--json] FILE", "everything that is wrong with a configuration, and what is unwise", configCheck},
		{"config keygen", "[KEY]", "a key pair to sign configurations with: KEY and KEY.pub", configKeygen},
		{"config sign", "[--key KEY] [--serial N] [--days 30] FILE", "FILE.sig, for tablets that are locked down", configSign},
		{"config verify", "[--key KEY.pub] FILE", "whether FILE.sig is good", configVerify},
		{"tablet", "[--state DIR]", "the thumbprint of this tablet's key, for the service to enrol", tablet},
		{"egress apply", "[USERS] [--key KEY.pub|--unsigned] FILE", "load the ruleset, as root, and open the hosts for an hour", egressApply},
		{"egress check", "[USERS] [--json] FILE", "whether the ruleset in force is this configuration's, as root", egressCheck},
		{"egress serve", "[USERS] [--key KEY.pub] [--state DIR] FILE", "load it, resolve the hosts' names and open their addresses", egressServe},
		{"egress", "[USERS] [--json] FILE|--closed", "the nftables ruleset of a configuration; USERS: --users kiosk --resolver … --time … --dhcp …", egressRender},
		{"doctor", "[--json] [--config FILE]", "is this tablet locked down and ready? run it as the kiosk's user", doctor},
		{"image keygen", "[--centre NAME] [DIR]", "the centre's keys: Secure Boot and configurations", imageKeygen},
		{"image build", "[--keys DIR] [--version V] [--days 365] [--firmware] [--ntp HOST] [--keyboard V:P] [--lock FILE] [--plan]", "the tablet image, as root", imageBuild},
		{"image configure", "DISK --config FILE [--fleet CSV] [--tablet LABEL] [--ca FILE] [--wifi FILE]", "a signed configuration on a tablet's disk", imageConfigure},
		{"image stick", "DISK STICK", "a file for a USB stick that enrols an image's Secure Boot keys", imageStick},
		{"image verify", "DIR|DISK [--same-as DIR]", "checksums of an image, two builds of one, or what a disk holds: its configuration and its systems", imageVerify},
		{"image adopt", "[--partition DEVICE]", "at boot: verify the configuration, or say why not", imageAdopt},
		{"image pull", "[--json]", "on a tablet that nobody is at: fetch a newer signed configuration from update_uri", imagePull},
		{"image take", "[--from FILE]", "put in force what was fetched", imageTake},
		{"image usb", "VENDOR:PRODUCT", "asked by udev: may this be plugged in?", imageUSB},
		{"image session", "-- COMPOSITOR …", "run by the kiosk: start the compositor, told how to draw", imageSession},
		{"image test", "[--short] [--source DIR]", "boot the image that was built last in a virtual machine and attack it, from the source tree", imageTest},
		{"image update", "DISK --image DIR [--key KEY.pub]", "a later image in the other slot of a tablet's disk; it keeps its configuration and its state", imageUpdate},
		{"image fetch", "[--json]", "on a tablet that nobody is at, in the centre's hours: a later image from update_uri", imageFetch},
		{"image install", "[--disk DISK]", "write in the other slot what is fetched, from standard input", imageInstall},
		{"keyring", "[--runtime DIR] [--state DIR] [--credential FILE]", "the tablet's private bus and its keyring, unlocked; as the tablet's user", keyringServe},
		{"storm", "--tablets N --issuer URL …", "a room, a city, a country logging in at once", stormCommand},
		{"rehearse", "[--size WxH] [--language fr|en]", "the whole room on this machine, to try it", rehearse},
	}
}

// Main runs the command that args name and returns its exit code.
func Main(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	r := run{out: stdout, err: stderr}
	if len(args) == 0 || args[0] == "help" || args[0] == "--help" || args[0] == "-h" {
		return r.exit("", help(stdout))
	}
	for _, c := range commands() {
		words := strings.Fields(c.name)
		if len(args) >= len(words) && strings.Join(args[:len(words)], " ") == c.name {
			return r.exit(c.name, c.do(ctx, r, args[len(words):]))
		}
	}
	return r.exit("", fmt.Errorf("%w: no command %q; see portillonctl help", errUsage, strings.Join(args, " ")))
}

func (r run) exit(name string, err error) int {
	if name != "" {
		name = " " + name
	}
	if err != nil && !errors.Is(err, errSaid) {
		_, _ = fmt.Fprintf(r.err, "portillonctl%s: %v\n", name, err) // standard error is the last resort
	}
	switch {
	case err == nil:
		return ExitOK
	case errors.Is(err, errUsage):
		return ExitUsage
	}
	return ExitError
}

func help(w io.Writer) error {
	var b strings.Builder
	b.WriteString("portillonctl: what an exam centre does with its tablets\n\n")
	for _, c := range commands() {
		fmt.Fprintf(&b, "  %-62s %s\n", strings.TrimSpace("portillonctl "+c.name+" "+c.args), c.about)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
