package image

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// ErrOptions: an image that cannot be planned as asked.
var ErrOptions = errors.New("image: options")

// Options is what differs from one image to the next. All are required but the ones said
// to be optional. Paths are the build machine's.
type Options struct {
	// Version names the image: a digit, then digits, letters, dots, "~" and "^", 26 in all (a partition's
	// label holds it). It is compared as update.Compare does, so a later image has a higher one.
	Version string
	// Programs are the directory of portillon and portillonctl, built for Debian 13.
	Programs string
	// ConfigKey is the public key that the centre's configurations are verified with.
	ConfigKey string
	// SecureBootKey and SecureBootCert sign what the firmware starts (PEM). The key is read
	// by the build, and is in no image.
	SecureBootKey, SecureBootCert string
	// Mirror is where Debian's packages come from.
	Mirror Mirror
	// Epoch is the time stamped on everything made, in whole seconds: the same inputs
	// then make the same bits.
	Epoch time.Time
	// TimeServers are asked for the time, by name or address; optional: those that the
	// room's DHCP names.
	TimeServers []string
	// Keyboards are USB devices ("046d:c31c", vendor and product) that may be plugged in: for
	// accommodations; optional.
	Keyboards []string
	// Firmware adds Debian's non-free firmware for common tablets' Wi-Fi and graphics.
	Firmware bool
	// Lock holds the packages of an earlier image, to be the same ones; optional.
	Lock Lock
}

// firmwarePackages are Debian's names (component non-free-firmware).
func firmwarePackages() []string {
	return []string{"firmware-iwlwifi", "firmware-intel-graphics", "firmware-atheros", "firmware-realtek",
		"firmware-mediatek", "firmware-libertas", "firmware-brcm80211", "firmware-amd-graphics"}
}

// goodVersion: a digit, then at most 25 of what a partition's label and a kernel's counted name leave to it.
func goodVersion(s string) bool {
	return regexp.MustCompile(`^[0-9][A-Za-z0-9.~^]{0,25}$`).MatchString(s)
}

// check names everything that is wrong at once.
func (o Options) check() error {
	var wrong []string
	must := func(ok bool, format string, args ...any) {
		if !ok {
			wrong = append(wrong, fmt.Sprintf(format, args...))
		}
	}
	must(goodVersion(o.Version), "version %q: a digit first, then at most 25 digits, letters, . ~ ^", o.Version)
	for _, p := range []struct{ name, path string }{{"programs", o.Programs}, {"configuration key", o.ConfigKey},
		{"Secure Boot key", o.SecureBootKey}, {"Secure Boot certificate", o.SecureBootCert}} {
		must(filepath.IsAbs(p.path), "%s: not an absolute path: %q", p.name, p.path)
	}
	must(o.Mirror.Debian != "" && o.Mirror.Security != "", "no mirror of Debian is known")
	must(o.Epoch.Unix() > 0, "the epoch must be after 1970")
	server := regexp.MustCompile(`^[A-Za-z0-9:][A-Za-z0-9.:-]{0,252}$`)
	for _, t := range o.TimeServers {
		must(server.MatchString(t), "time server %q: not a host", t)
	}
	usb := regexp.MustCompile(`^[0-9a-f]{4}:[0-9a-f]{4}$`)
	for _, k := range o.Keyboards {
		must(usb.MatchString(k), "keyboard %q: wanted vendor:product, as lsusb prints them", k)
	}
	if len(wrong) > 0 {
		return fmt.Errorf("%w: %s", ErrOptions, strings.Join(wrong, "; "))
	}
	return nil
}

// sorted is a copy in order and without repetitions: the order of flags changes no bit.
func sorted(list []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(list)))
}
