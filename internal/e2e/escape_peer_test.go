package e2e

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// peerTries are made by a process of the tablet's own user that no seal holds: what a way out
// that is open would let run. It may not read what ours know, nor have them leave a core.
func (e *escapee) peerTries() []escapeResult {
	e.t.Helper()
	var out []escapeResult
	add := func(name, why string, args ...string) {
		cmd := e.asUser(args[0], args[1:]...)
		cmd.Dir = "/"
		r := escapeResult{Name: "peer/" + name, Item: "peer"}
		if err := cmd.Run(); err == nil {
			r.Escaped, r.Why = true, why
		}
		out = append(out, r)
	}
	for who, pid := range map[string]int{"screen": e.screenProcess(), "supervisor": e.tablet.Pid()} {
		dir := "/proc/" + strconv.Itoa(pid)
		add("environment-of-the-"+who, "its environment was read", "cat", dir+"/environ")
		add("memory-of-the-"+who, "its memory was opened", "dd", "if="+dir+"/mem", "count=0", "status=none")
		add("core-of-the-"+who, "it may leave a core", "prlimit", "--pid", strconv.Itoa(pid), "--core=1048576:1048576")
	}
	return out
}

// playerScript is an exam that tries to get out, from inside the seal it inherits. Bash speaks TCP and
// UDP by itself. A refused connection is one that was let out.
const playerScript = `#!/bin/bash
LC_ALL=C
try() {
	local name=$1; shift
	local said
	said=$( { "$@"; } 2>&1 ) && said="it worked"
	echo "$name: ${said//$'\n'/ }" >>"$HOME/attempts"
}
connect() { exec 3<>"/dev/$1/127.0.0.1/$2"; }
for port in 25 80 110 143 465 587 993 995 8080; do try tcp-$port connect tcp $port; done
for port in 53 443; do try udp-$port connect udp $port; done
try exec-a-shell /bin/sh -c true
try exec-env /usr/bin/env true
write() { echo x >"$1"; }
try write-tmp write /tmp/portillon-escape-$$
try write-shm write /dev/shm/portillon-escape-$$
try write-state write "$HOME/../../portillon-escape"
look() { read -r _ <"$1"; }
try device-key look "$HOME/../../device/key.pem"
try signal-init kill -0 1
echo done >>"$HOME/attempts"
`

// withPlayer makes the room's exam a script.
func withPlayer(t *testing.T, script string) func(*settings) {
	t.Helper()
	dir, err := os.MkdirTemp("", "portillon-player-") // not t.TempDir: the tablet's user must be able to enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	path := filepath.Join(dir, "player")
	if err := errors.Join(os.Chmod(dir, 0o755), os.WriteFile(path, []byte(script), 0o755)); err != nil {
		t.Fatal(err)
	}
	return func(s *settings) { s.centre.Player = []string{path} }
}

// playerTries logs in and reads what the exam found out.
func (e *escapee) playerTries() []escapeResult {
	e.t.Helper()
	atEmail(e)
	e.loginByKeys(camille)
	e.connect()
	var text string
	eventually(e.t, patience, "the exam's attempts", func() bool {
		b, err := os.ReadFile(e.path("state/session/player/attempts"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			e.t.Fatal(err)
		}
		text = string(b)
		return strings.HasSuffix(text, "done\n")
	})
	var out []escapeResult
	for line := range strings.Lines(strings.TrimSuffix(text, "done\n")) {
		name, said, _ := strings.Cut(strings.TrimSpace(line), ": ")
		r := escapeResult{Name: "player/" + name, Item: "player"}
		if !strings.Contains(said, "Permission denied") && !strings.Contains(said, "Operation not permitted") {
			r.Escaped, r.Why = true, said
		}
		out = append(out, r)
	}
	if len(out) < 15 {
		e.t.Errorf("the exam made %d attempts:\n%s", len(out), text)
	}
	return out
}

// outside counts what peers and a hostile exam try.
func outside(t *testing.T, tally *escapeTally) {
	e := lock(t, withPlayer(t, playerScript))
	e.start(atEmail)
	for _, r := range e.peerTries() {
		tally.add(t, r)
	}
	e.start(nil)
	for _, r := range e.playerTries() {
		tally.add(t, r)
	}
}

// found are the names of what got out.
func found(all []escapeResult) []string {
	var out []string
	for _, r := range all {
		if r.Escaped {
			out = append(out, fmt.Sprintf("%s (%s)", r.Name, r.Why))
		}
	}
	return out
}
