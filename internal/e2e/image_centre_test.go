package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"portillon/internal/e2e/vm"
	"portillon/internal/ui"
)

// guide is what a centre's two people follow.
const guide = "../../docs/centre.md"

// tabletDisk is how the guide calls a tablet's disk.
const tabletDisk = "/dev/nvme0n1"

// block is a fenced block of the guide: its language and its lines, without the indentation of the list it is in.
type block struct {
	language string
	lines    []string
}

// blocks are the guide's, in its order.
func blocks(text string) []block {
	var out []block
	var indent string
	open := false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		at, language, fence := strings.Cut(line, "```")
		switch {
		case fence && strings.TrimSpace(at) == "" && !open:
			open, indent = true, at
			out = append(out, block{language: language})
		case fence && strings.TrimSpace(at) == "":
			open = false
		case open:
			last := &out[len(out)-1]
			last.lines = append(last.lines, strings.TrimPrefix(line, indent))
		}
	}
	return out
}

// TestGuideBlocks: of a page the fenced blocks are taken, without the indentation of a list.
func TestGuideBlocks(t *testing.T) {
	got := fmt.Sprint(blocks("# Title\n```sh\none two\n```\ntext `code`\n1. item\n   ```csv\n   a,b\n     c\n   ```\n    indented\n"))
	if want := "[{sh [one two]} {csv [a,b   c]}]"; got != want {
		t.Errorf("%s, and not %s", got, want)
	}
}

// desk is the directory in which the guide is followed.
type desk struct {
	*slate
	dir string
}

// TestImageCentre follows docs/centre.md from the keys to the later image: each of its commands is taken from
// there and run as it stands, in its order, in an empty directory. What the page leaves to people is done by the test: the
// room's file is edited, the tablet is switched on and off. A tablet's disk is a file.
func TestImageCentre(t *testing.T) {
	i, ok := findImage(t)
	if !ok {
		return
	}
	text, err := os.ReadFile(guide)
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{slate: newSlate(t, i)}
	d.dir = d.path("desk")
	d.must(os.Mkdir(d.dir, 0o755))
	docs, err := filepath.Abs("../../docs")
	d.must(err)
	d.must(os.Symlink(docs, filepath.Join(d.dir, "docs")))
	ca, err := os.ReadFile(d.service.CAFile)
	d.must(err)
	d.must(os.WriteFile(filepath.Join(d.dir, "ca.pem"), ca, 0o644))
	d.must(os.Remove(d.file(d.disk))) // the guide writes it
	for _, b := range blocks(string(text)) {
		switch b.language {
		case "csv":
			d.must(os.WriteFile(filepath.Join(d.dir, "fleet.csv"), []byte(strings.Join(b.lines, "\n")+"\n"), 0o644))
		case "sh":
			for _, command := range b.lines {
				d.follow(command)
			}
		}
	}
	if d.boots < 3 {
		t.Fatalf("the guide wrote %d systems on a tablet, and not a first and a later one", d.boots)
	}
}

// follow runs a line of the guide, and does what comes after it.
func (d *desk) follow(command string) {
	d.t.Helper()
	fmt.Println("$", command)
	cmd := exec.CommandContext(d.t.Context(), "bash", "-euo", "pipefail", "-c", strings.ReplaceAll(command, tabletDisk, d.file(d.disk)))
	cmd.Dir = d.dir
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(shared.portillonctl)+":"+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	fmt.Printf("%s", out)
	if err != nil {
		d.t.Fatalf("%s: %v", command, err)
	}
	verb := func(words string) bool { return strings.HasPrefix(command, words) }
	switch {
	case verb("cp docs/portillon.example.toml"):
		d.fillIn(filepath.Join(d.dir, "room.toml"))
	case verb("portillonctl image stick "):
		d.takeKeys(filepath.Join(d.dir, "enrol.raw"))
		d.tabletSays("1-first", "2026.11 good")
	case verb("portillonctl image update "):
		d.tabletSays("2-later", "2027.01 good")
	}
}

// takeKeys starts a tablet in setup mode, which by nothing looks like a virtual machine, from the stick.
func (d *desk) takeKeys(stick string) {
	d.t.Helper()
	d.must(exec.CommandContext(d.t.Context(), "cp", stick, d.file("stick.raw")).Run())
	d.boot(func(o *vm.Options) { o.Real, o.Stick = true, "stick.raw" })
	d.says(enrolledWords)
	d.keep("0-keys")
	d.off()
	fmt.Println("held: the stick's keys are the firmware's")
}

// tabletSays starts the tablet of the fleet's last line, which must show its room and label, and its system must have
// proved itself.
func (d *desk) tabletSays(picture, system string) {
	d.t.Helper()
	b, err := os.ReadFile(filepath.Join(d.dir, "fleet.csv"))
	d.must(err)
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	last := strings.Split(lines[len(lines)-1], ",")
	if len(lines) < 3 || len(last) != 3 {
		d.t.Fatalf("the guide's fleet is %q", b)
	}
	serial, room, label := last[0], last[1], last[2]
	d.mirror, err = newMirror("fr", d.set.size, examFrame, func(f *ui.Frame) { f.Room, f.Tablet = room, label })
	d.must(err)
	d.roomForState() // as a tablet's disk has
	d.boot(func(o *vm.Options) { o.Serial = serial })
	d.on("email")
	if strings.Contains(d.vm.Said(), enrolledWords) {
		d.t.Error("the keys were not those of the stick")
	}
	d.see(emailScreen(""))
	d.named("Salle "+room, "Tablette "+label)
	if d.boots > 2 {
		d.says(blessed)
	}
	d.keep(picture)
	d.off()
	out, err := exec.CommandContext(d.t.Context(), shared.portillonctl, "image", "verify", d.file(d.disk)).CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte(system)) {
		d.t.Errorf("%v: %s, and not %q", err, out, system)
	}
	fmt.Printf("held: %s in room %s is %s; %s", serial, room, label, out)
}

// fillIn edits the example: what the room's service is comes from the configuration that the service wrote, and
// tablets get their labels from the fleet.
func (d *desk) fillIn(file string) {
	d.t.Helper()
	theirs, err := os.ReadFile(d.path("portillon.toml"))
	d.must(err)
	example, err := os.ReadFile(file)
	d.must(err)
	text := string(example)
	for _, key := range []string{"issuer", "pins", "ca_file", "command", "hosts"} {
		value := regexp.MustCompile(`(?m)^` + key + ` = .*$`).FindString(string(theirs))
		whole := regexp.MustCompile(`(?ms)^` + key + ` = (\[[^\]]*\]|[^\n]*)[^\n]*$`)
		if value == "" || !whole.MatchString(text) {
			d.t.Fatalf("no %s in both files", key)
		}
		text = whole.ReplaceAllLiteralString(text, value)
	}
	text = regexp.MustCompile(`(?m)^tablet = .*$`).ReplaceAllString(text, `tablet = ""`)
	d.must(os.WriteFile(file, []byte(text), 0o644))
}
