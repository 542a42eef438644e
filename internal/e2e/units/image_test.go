package units

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"portillon/internal/config"
	"portillon/internal/image"
)

// partitions are a small tablet's, as systemd-repart makes them.
const partitions = `
cd /lay; mkdir definitions
define() { printf '[Partition]\nType=%s\nLabel=%s\nUUID=%s\nSizeMinBytes=%s\nSizeMaxBytes=%s\n' "$2" "$3" "$4" "$5" "$5" >"definitions/$1.conf"; }
define 0 esp portillon-esp ` + image.ESPPartition + ` 1M
define 1 root portillon_1.0 "$1" 1M
define 2 root-verity portillon_1.0 "$2" 1M
define 3 root _empty 11111111-0000-4000-8000-000000000003 1M
define 4 root-verity _empty 11111111-0000-4000-8000-000000000004 1M
systemd-repart --definitions=/lay/definitions --empty=create --size=auto --dry-run=no --offline=yes disk
`

// uuid writes half a root hash as a partition's identifier.
func uuid(hash string) string {
	return fmt.Sprintf("%s-%s-%s-%s-%s", hash[:8], hash[8:12], hash[12:16], hash[16:20], hash[20:32])
}

func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// offer puts a later image on the server.
func (r *room) offer(version string) map[string]string {
	r.Helper()
	files := map[string]string{}
	part := func(end string, room int64) image.Part {
		text := strings.Repeat(version+end, 10000)
		files[end] = text
		r.must(os.WriteFile(filepath.Join(r.shelf, "portillon_"+version+end), []byte(text), 0o600))
		return image.Part{Bytes: int64(len(text)), SHA256: hashOf(text), Room: room}
	}
	b, err := json.Marshal(image.Offer{Version: version, RootHash: hashOf(version), Root: part(".root.raw", 1<<20),
		Verity: part(".verity.raw", 1<<20), Kernel: part(".efi", 0)})
	r.must(err)
	key, err := config.LoadPrivateKey(r.centre.private)
	r.must(err)
	s, err := config.Sign(b, key, 1, time.Now().Add(24*time.Hour))
	r.must(err)
	sig, err := json.Marshal(s)
	r.must(err)
	r.must(os.WriteFile(filepath.Join(r.shelf, image.OfferName), b, 0o600))
	r.must(os.WriteFile(filepath.Join(r.shelf, image.OfferName+config.SignatureSuffix), sig, 0o600))
	return files
}

// TestImage: the kiosk says that nobody is there; a later image is fetched by one user and written by another, through
// their socket and within what their units allow. The slot holds it, and the kernel has three tries.
func TestImage(t *testing.T) {
	if !runs(t) {
		return
	}
	now := time.Now().UTC()
	hours := fmt.Sprintf("image_window = \"%s-%s\"\n", now.Add(-2*time.Hour).Format("15:04"), now.Add(6*time.Hour).Format("15:04")) // in summer, too
	r := newRoom(t, "portillon-image.path portillon-install.socket", hours, "portillon-image.path", "portillon-image.service",
		"portillon-install.socket", "portillon-install@.service", "run-esp.mount", "portillon-up.service")
	mirror, err := image.ReadMirror(os.DirFS("/etc/apt"))
	r.must(err)
	cache, err := os.UserCacheDir()
	r.must(err)
	tools, err := image.Tools(t.Context(), filepath.Join(cache, "portillon", "image"), mirror, os.Stderr)
	r.must(err)
	lay := filepath.Join(r.dir, "lay")
	r.must(os.Mkdir(lay, 0o700))
	r.write("var/esp/EFI/Linux/portillon_1.0.efi", "")
	one := hashOf("1.0")
	out, err := image.Command(t.Context(), tools, []image.Mount{{From: lay, To: "/lay"}}, "sh", "-euc",
		partitions, "lay", uuid(one[:32]), uuid(one[32:])).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	disk := filepath.Join(lay, "disk")
	loop := r.device(disk)
	// A box has neither firmware nor udev: a directory takes the place of the partition, and a file that of the
	// command line.
	r.write("usr/lib/systemd/system/run-esp.mount.d/box.conf", "[Mount]\nWhat=/var/esp\nType=none\nOptions=bind\n")
	r.write("usr/lib/systemd/system/portillon-install@.service.d/box.conf",
		"[Service]\nExecStart=\nExecStart=/usr/bin/portillonctl image install --cmdline /etc/cmdline --disk /dev/loop"+loop+"\n")
	r.must(os.MkdirAll(filepath.Join(r.root, "etc/systemd/system/boot-complete.target.requires"), 0o755))
	r.must(os.Symlink("/usr/lib/systemd/system/portillon-up.service", filepath.Join(r.root, "etc/systemd/system/boot-complete.target.requires/portillon-up.service")))
	r.write("etc/cmdline", "quiet roothash="+one+"\n")
	r.write("usr/lib/portillon/image", "1.0\n")
	files := r.offer("2.0")
	r.start(r.partition, loop)
	said := func(words string) func() bool {
		return func() bool {
			return strings.Contains(r.try("journalctl", "--no-pager", "-o", "cat", "-u", "portillon-image", "-u", "portillon-install@*"), words)
		}
	}
	r.idle()
	r.eventually("a later image", said("version 2.0 starts next"))
	r.eventually("the other half's word", said("version 2.0 is there"))
	r.eventually("no kernels in reach of anybody", func() bool { return r.show("run-esp.mount", "ActiveState") == "inactive" })

	f, err := os.Open(disk)
	r.must(err)
	t.Cleanup(func() { _ = f.Close() }) // read only
	p, err := image.FindPartition(f, uuid(hashOf("2.0")[:32]))
	r.must(err)
	b := make([]byte, len(files[".root.raw"])+1)
	_, err = f.ReadAt(b, p.Start)
	r.must(err)
	if string(b[:len(b)-1]) != files[".root.raw"] || b[len(b)-1] != 0 {
		t.Error("the slot holds something else")
	}
	if got := r.try("ls", "/var/esp/EFI/Linux"); got != "portillon_1.0.efi\nportillon_2.0+3.efi" {
		t.Errorf("kernels %q", got)
	}

	r.idle()
	r.eventually("that it is there already", said("version 2.0: installed already"))
	r.trial()
}

// trial: a start on trial is good once the kiosk has shown its login, and not because it does anything.
func (r *room) trial() {
	r.Helper()
	r.try("systemctl", "start", "--no-block", "portillon-up.service")
	r.eventually("a start on trial", func() bool { return r.show("portillon-up.service", "ActiveState") == "activating" })
	if got := r.show("boot-complete.target", "ActiveState"); got == "active" {
		r.Error("the start is good before anything was seen")
	}
	r.try("systemctl", "start", "--no-block", "boot-complete.target")
	r.try("setpriv", "--reuid", "kiosk", "--regid", "kiosk", "--clear-groups", "touch", "/run/kiosk/portillon-power/up")
	r.eventually("a start that is good", func() bool { return r.show("boot-complete.target", "ActiveState") == "active" })
	if got := r.show("portillon-up.service", "Result"); got != "success" {
		r.Errorf("portillon-up: %s", got)
	}
}
