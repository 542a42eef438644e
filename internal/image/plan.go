package image

import (
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"text/template"

	"portillon/assets"
	"portillon/internal/lockdown"
)

// Plan is all that is to be done for an image, as data. Equal options and definitions
// give equal plans.
type Plan struct {
	Options Options
	// Files are written into mkosi's directory, with what they hold or a copy of what
	// stands on the build machine.
	Files []File
	// Links are symbolic links in mkosi's directory.
	Links []Link
	// Own are packages made on the spot, as directories below packages/ in the form of dpkg-deb.
	Own []string
	// Tools are the Debian packages of the tree that mkosi runs in.
	Tools []string
	// InTree are written into that tree, their paths below its top.
	InTree []File
	// Mkosi is the command run in that tree, in mkosi's directory.
	Mkosi []string
}

// File is one file of mkosi's directory.
type File struct {
	Path string // below the directory
	Mode fs.FileMode
	// Data is the content, or, where From is set, that file is copied.
	Data []byte
	From string
	// By names the package that made Data, and whose tests compare it.
	By string
}

// Link is one symbolic link.
type Link struct{ Path, Target string }

// Release is the Debian that tablets run.
const Release = "trixie"

// Where things are in the tree that mkosi runs in.
const (
	treeWork  = "/work"
	treeCache = "/cache"
)

// names of what mkosi leaves in its output directory.
const (
	outputName = "portillon"
	outputDir  = "out"
)

// extra is the directory whose tree goes into the image as it is.
const extra = "mkosi.extra"

// ownPackages is where the definitions have packages of their own, and mkosiPackagesDir where mkosi looks for
// those that it is to offer to apt beside Debian's.
const (
	ownPackages      = "packages"
	mkosiPackagesDir = "mkosi.packages"
)

// The definitions' list of symbolic links, which an embedded tree cannot hold.
const linksName = "links.txt"

// tools are the packages of mkosi's tree.
func tools() []string {
	return []string{"apt", "bubblewrap", "cpio", "cryptsetup-bin", "debian-archive-keyring", "dosfstools", "e2fsprogs",
		"kmod", "libfaketime", "mkosi", "mount", "mtools", "python3-cryptography", "python3-pefile", "reprepro", "sbsigntool", "squashfs-tools", "systemd-boot-efi",
		"systemd-boot-tools", "systemd-repart", "systemd-ukify", "uidmap", "util-linux", "xz-utils", "zstd"}
}

// signer goes first in the tree's path under the name of systemd's tool that signs what firmware starts. From version
// 258 on that takes a signature's time from SOURCE_DATE_EPOCH, as every other tool does; Debian 13's takes the clock's, and no
// two builds would have the same kernel.
func signer() File {
	const text = `#!/bin/sh
set -eu
if [ -n "${SOURCE_DATE_EPOCH:-}" ]; then
	TZ=UTC FAKETIME=$(TZ=UTC date -d "@$SOURCE_DATE_EPOCH" '+%Y-%m-%d %H:%M:%S')
	export TZ FAKETIME LD_PRELOAD=/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1
fi
exec /usr/lib/systemd/systemd-sbsign "$@"
`
	return File{Path: "usr/bin/systemd-sbsign", Mode: 0o755, Data: []byte(text)}
}

// Definitions are the project's own, assets/image.
func Definitions() fs.FS {
	d, err := fs.Sub(assets.Image, "image")
	if err != nil {
		panic(err) // the name is a constant
	}
	return d
}

// NewPlan plans an image from its definitions, as Definitions gives them. It fails with
// ErrOptions.
func NewPlan(o Options, definitions fs.FS) (Plan, error) {
	if err := o.check(); err != nil {
		return Plan{}, err
	}
	p := Plan{Options: o, Tools: tools(), InTree: []File{signer()}, Mkosi: []string{"mkosi", "--force", "build"}}
	err := fs.WalkDir(definitions, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(definitions, name)
		if err != nil {
			return err
		}
		if name == linksName {
			p.Links, err = parseLinks(string(b))
			return err
		}
		if path.Dir(name) == "mkosi.repart" { // sizes are the options'
			if b, err = o.fill(name, string(b)); err != nil {
				return err
			}
		}
		p.Files = append(p.Files, File{Path: name, Mode: modeOf(name), Data: b})
		if own, ok := strings.CutSuffix(name, "/DEBIAN/control"); ok && path.Dir(own) == ownPackages {
			p.Own = append(p.Own, path.Base(own))
		}
		return nil
	})
	if err != nil {
		return Plan{}, fmt.Errorf("image: definitions: %w", err)
	}
	if err := p.addLocal(); err != nil {
		return Plan{}, err
	}
	closed, err := lockdown.Ruleset(lockdown.EgressOptions{Users: []string{"kiosk", "portillon-update"},
		Resolver: "systemd-resolve", Time: "systemd-timesync", DHCP: "systemd-network"})
	if err != nil {
		return Plan{}, err
	}
	p.Files = append(p.Files, File{Path: extra + "/etc/nftables.conf", Mode: 0o644, Data: []byte(closed), By: "lockdown"})
	if o.Lock != nil {
		p.Files = append(p.Files, File{Path: "mkosi.sandbox/etc/apt/preferences.d/portillon.pref", Mode: 0o644, Data: []byte(o.Lock.preferences())})
	}
	p.addPrograms()
	slices.SortFunc(p.Files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return p, nil
}

// modeOf: mkosi's scripts are run, everything else is read.
func modeOf(name string) fs.FileMode {
	if path.Dir(name) == "." && (strings.HasPrefix(name, "mkosi.postinst") || strings.HasPrefix(name, "mkosi.finalize")) {
		return 0o755
	}
	return 0o644
}

func parseLinks(text string) ([]Link, error) {
	var out []Link
	for line := range strings.SplitSeq(text, "\n") {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Fields(line)
		if len(f) != 2 || !fs.ValidPath(f[0]) {
			return nil, fmt.Errorf("%s: %q: wanted a path and a target", linksName, line)
		}
		out = append(out, Link{path.Join(extra, f[0]), f[1]})
	}
	return out, nil
}

// addLocal adds what the options say, as files.
func (p *Plan) addLocal() error {
	for _, f := range []struct{ path, text string }{
		{"mkosi.local.conf", localText},
		{"mkosi.sandbox/etc/apt/sources.list.d/mkosi.sources", sourcesText},
		{extra + "/usr/lib/systemd/timesyncd.conf.d/portillon.conf", timeText},
		{extra + "/usr/lib/portillon/keyboards", "{{range .Keyboards}}{{.}}\n{{end}}"},
		{extra + "/usr/lib/portillon/image", "{{.Version}}\n"},
	} {
		b, err := p.Options.fill(f.path, f.text)
		if err != nil {
			return err
		}
		p.Files = append(p.Files, File{Path: f.path, Mode: 0o644, Data: b})
	}
	return nil
}

// fill executes the template of a file.
func (o Options) fill(name, text string) ([]byte, error) {
	t, err := template.New(name).Parse(text)
	if err != nil {
		return nil, fmt.Errorf("image: %s: %w", name, err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, localView{o}); err != nil {
		return nil, fmt.Errorf("image: %s: %w", name, err)
	}
	return b.Bytes(), nil
}

// addPrograms adds what is copied from the build machine.
func (p *Plan) addPrograms() {
	o := p.Options
	p.Files = append(p.Files,
		File{Path: extra + "/usr/bin/portillon", Mode: 0o755, From: path.Join(o.Programs, "portillon")},
		File{Path: extra + "/usr/bin/portillonctl", Mode: 0o755, From: path.Join(o.Programs, "portillonctl")},
		File{Path: extra + ConfigKeyPath, Mode: 0o644, From: o.ConfigKey},
		File{Path: "keys/secure-boot.key", Mode: 0o600, From: o.SecureBootKey},
		File{Path: "keys/secure-boot.crt", Mode: 0o644, From: o.SecureBootCert},
	)
}

// packCommand makes a package of a directory.
func packCommand(own string) []string {
	return []string{"dpkg-deb", "--root-owner-group", "--build", path.Join(ownPackages, own), mkosiPackagesDir}
}

// ConfigKeyPath is where the image has the public key of configurations.
const ConfigKeyPath = "/usr/lib/portillon/config.pub"

// localView is what the templates see.
type localView struct{ Options }

func (v localView) Work() string          { return treeWork }
func (v localView) Cache() string         { return treeCache }
func (v localView) Out() string           { return path.Join(treeWork, outputDir) }
func (v localView) Release() string       { return Release }
func (v localView) Keyboards() []string   { return sorted(v.Options.Keyboards) }
func (v localView) TimeServers() []string { return sorted(v.Options.TimeServers) }

// SlotSize and HashSize are a slot's, which each later image must fit: half of the first are in use.
func (v localView) SlotSize() string {
	if v.Firmware {
		return "512M"
	}
	return "300M"
}

func (v localView) HashSize() string { return "8M" }

func (v localView) Components() string {
	if v.Firmware {
		return "main non-free-firmware"
	}
	return "main"
}

func (v localView) FirmwarePackages() []string {
	if v.Firmware {
		return firmwarePackages()
	}
	return nil
}

const localText = `# Written by portillonctl image build.
[Distribution]
Mirror={{.Mirror.Debian}}

[Output]
ImageVersion={{.Version}}
OutputDirectory={{.Out}}

[Content]
SourceDateEpoch={{.Epoch.Unix}}
{{- if .Firmware}}
Packages=
{{- range .FirmwarePackages}}
        {{.}}
{{- end}}
{{- end}}

{{- if .SecureBootKey}}

[Validation]
SecureBootKey={{.Work}}/keys/secure-boot.key
SecureBootCertificate={{.Work}}/keys/secure-boot.crt
{{- end}}

[Build]
PackageCacheDirectory={{.Cache}}
`

const sourcesText = `Types: deb
URIs: {{.Mirror.Debian}}
Suites: {{.Release}} {{.Release}}-updates
Components: {{.Components}}
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: {{.Mirror.Security}}
Suites: {{.Release}}-security
Components: {{.Components}}
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
`

const timeText = `# No server is built in beside these: the room's DHCP may name others.
[Time]
NTP={{range $i, $s := .TimeServers}}{{if $i}} {{end}}{{$s}}{{end}}
FallbackNTP=
`

// String is the whole plan in a form that people and golden tests read.
func (p Plan) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "tree of Debian %s: %s\n\n", Release, strings.Join(p.Tools, " "))
	for _, f := range p.Files {
		if f.From != "" {
			fmt.Fprintf(&b, "file %s %04o from %s\n", f.Path, f.Mode, f.From)
			continue
		}
		if f.By != "" {
			fmt.Fprintf(&b, "file %s %04o by %s\n", f.Path, f.Mode, f.By)
			continue
		}
		fmt.Fprintf(&b, "file %s %04o\n", f.Path, f.Mode)
		for line := range strings.Lines(string(f.Data)) {
			b.WriteString("    " + line)
		}
	}
	b.WriteString("\n")
	for _, l := range p.Links {
		fmt.Fprintf(&b, "link %s -> %s\n", l.Path, l.Target)
	}
	b.WriteString("\n")
	for _, f := range p.InTree {
		fmt.Fprintf(&b, "in the tree: file %s %04o\n", f.Path, f.Mode)
		for line := range strings.Lines(string(f.Data)) {
			b.WriteString("    " + line)
		}
	}
	for _, own := range p.Own {
		fmt.Fprintf(&b, "in the tree, in %s: %s\n", treeWork, strings.Join(packCommand(own), " "))
	}
	fmt.Fprintf(&b, "in the tree, in %s: %s\n", treeWork, strings.Join(p.Mkosi, " "))
	return b.String()
}
