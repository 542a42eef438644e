package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"portillon/internal/e2e/hands"
)

// TestSecretsAreNowhere logs in with a password and, on a second tablet, with a code,
// and then looks for both and for the address: in both logs, in both directories, in
// what anybody may read of the processes, in the temporary files.
func TestSecretsAreNowhere(t *testing.T) {
	r := enter(t, demoExam)
	before := temporary(t)
	r.write(canary.address)
	r.press(hands.Return)
	r.on("password")
	r.see(passwordScreen(canary))
	r.write("Falsch" + canary.password)
	r.press(hands.Return)
	r.outcome("wrong_password")
	r.see(passwordScreen(canary, fault("error.password.wrong.remaining", 9)))
	r.askCode()
	code := r.code(canary.address, 1)
	r.see(codeScreen(canary))
	r.write(notCode(code))
	r.press(hands.Return)
	r.outcome("wrong_code")
	r.see(codeScreen(canary, fault("error.code.wrong.remaining", 4)))
	r.tap("Annuler")
	r.on("password")
	r.settle()
	r.write(canary.password)
	r.press(hands.Return)
	r.connect()

	secrets := []string{canary.address, "kanarienvogel", canary.password, canary.password[:10], canary.name}
	for _, s := range append(secrets, code) {
		for where, text := range map[string]string{"the tablet's log": r.logs(), "the service's log": r.log.String()} {
			if holds(text, s) {
				t.Errorf("%s holds %q", where, s)
			}
		}
	}
	pids := append(children(t, r.tablet.Pid()), r.tablet.Pid(), r.service.Pid())
	if len(pids) < 4 {
		t.Fatalf("only %d processes: no supervisor, screen, player and service", len(pids))
	}
	for _, pid := range pids {
		for _, file := range []string{"cmdline", "environ"} {
			text := r.proc(pid, file)
			if text == "" && os.Getuid() == 0 {
				t.Errorf("/proc/%d/%s could not be read", pid, file)
			}
			for _, s := range append(secrets, code) {
				if holds(text, s) {
					t.Errorf("/proc/%d/%s holds %q", pid, file, s)
				}
			}
		}
	}
	for _, dir := range []string{"state", "run"} {
		if hits := searchFiles(t, r.path(dir), append(secrets, code)...); len(hits) > 0 {
			t.Errorf("secrets in %q", hits)
		}
	}
	// The service knows its people's names and addresses; passwords and codes it must not.
	// Six digits turn up anywhere; the code is looked for as the mail had it, on a line.
	if hits := searchFiles(t, r.path("data"), canary.password, canary.password[:10], "\n"+code+"\n"); len(hits) > 0 {
		t.Errorf("secrets in %q", hits)
	}
	for path := range temporary(t) {
		if before[path] {
			continue
		}
		if hits := searchFiles(t, path, append(secrets, "\n"+code)...); len(hits) > 0 {
			t.Errorf("secrets in %q", hits)
		}
	}
}

// temporary lists what stands in the temporary directory that is not the tests' own.
func temporary(t *testing.T) map[string]bool {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(os.TempDir(), "*"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	for _, path := range list {
		name := filepath.Base(path)
		if !strings.HasPrefix(name, "portillon-") && !strings.HasPrefix(name, "Test") && !strings.HasPrefix(name, "go-") {
			out[path] = true
		}
	}
	return out
}

// holds reports whether a secret is in a text. The digits of a code turn up by chance in the
// fractions of seconds; a code stands by itself.
func holds(text, secret string) bool {
	if !sixDigits.MatchString(secret) {
		return strings.Contains(text, secret)
	}
	return slices.Contains(digits.FindAllString(text, -1), secret)
}

var (
	digits    = regexp.MustCompile(`\d+`)
	sixDigits = regexp.MustCompile(`^\d{6}$`)
)

// TestPasswordLeavesNoCopy looks into the memory of both processes: the password is
// there while it is typed, and gone from everywhere once it has done its work.
func TestPasswordLeavesNoCopy(t *testing.T) {
	if os.Getuid() != 0 {
		// Both processes are closed to their own user too; only root can look.
		t.Log("NOT SHOWN: the processes' memory is root's alone to read. Run this test as root.")
		return
	}
	r := enter(t)
	screen := r.screenProcess()
	r.identify(canary)
	r.touch(canary.password)
	r.settle()
	if n := total(scan(t, screen, canary.password)); n < 1 {
		t.Error("the scan does not find the password while it is typed: it would find nothing afterwards either")
	}
	if found := scan(t, r.tablet.Pid(), canary.password); total(found) > 0 {
		t.Errorf("while it is typed the supervisor holds %v", found)
	}
	r.tap("SE CONNECTER")
	r.connect()
	for name, pid := range map[string]int{"supervisor": r.tablet.Pid(), "screen process": screen} {
		found := scan(t, pid, canary.password)
		t.Logf("%s (pid %d) after the login: %v", name, pid, found)
		if total(found) > 0 {
			t.Errorf("the %s still holds the password: %v", name, found)
		}
	}
}
