package ctl

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"portillon/internal/config"
	"portillon/internal/image"
)

// imageConfigure writes a signed configuration on a disk, or on an image's file.
func imageConfigure(_ context.Context, r run, args []string) error {
	flags := flag.NewFlagSet("", flag.ContinueOnError)
	asJSON := flags.Bool("json", false, "")
	file := flags.String("config", "", "")
	fleet := flags.String("fleet", "", "")
	tablet := flags.String("tablet", "", "")
	ca := flags.String("ca", "", "")
	key := flags.String("key", "", "")
	unchecked := flags.Bool("unchecked", false, "")
	var wifi list
	flags.Var(&wifi, "wifi", "")
	rest, err := parseAround(flags, args, 1)
	if err != nil {
		return err
	}
	if len(rest) != 1 || *file == "" {
		return fmt.Errorf("%w: image configure DISK --config FILE [--fleet CSV] [--tablet LABEL] [--ca FILE] [--wifi FILE] [--key KEY.pub]", errUsage)
	}
	if !*unchecked { // tests alone write what a tablet refuses
		if err := wouldBeAdopted(*file, *fleet, *tablet, *key); err != nil {
			return err
		}
	}
	b := image.Bundle{}
	paths := map[string]string{image.ConfigName: *file, image.ConfigName + config.SignatureSuffix: *file + config.SignatureSuffix}
	if *fleet != "" {
		paths[image.FleetName], paths[image.FleetName+config.SignatureSuffix] = *fleet, *fleet+config.SignatureSuffix
	}
	if *ca != "" {
		paths[image.CAName] = *ca
	}
	for _, w := range wifi {
		paths["wifi/"+filepath.Base(w)] = w
	}
	for name, path := range paths {
		if b[name], err = os.ReadFile(path); err != nil {
			return err
		}
	}
	if *tablet != "" {
		b[image.LabelName] = []byte(*tablet)
	}
	if err := image.WriteBundle(rest[0], b); err != nil {
		return err
	}
	holds := slices.Sorted(maps.Keys(b))
	return r.sayImage(*asJSON, imageAnswer{OK: true, Disk: rest[0], Holds: holds}, "%s: configured with %q\n", rest[0], holds)
}

// wouldBeAdopted finds on the centre's desk what a tablet would refuse in the exam room. The
// signature itself only where the public key is at hand.
func wouldBeAdopted(file, fleet, tablet, key string) error {
	c, err := config.Load(file)
	if err != nil {
		return err
	}
	files := []string{file}
	if fleet != "" {
		b, err := os.ReadFile(fleet)
		if err != nil {
			return err
		}
		if _, err := image.ParseFleet(b); err != nil {
			return fmt.Errorf("%s: %w", fleet, err)
		}
		files = append(files, fleet)
	} else if c.Centre.Tablet == "" && tablet == "" {
		return fmt.Errorf("%s: centre.tablet is empty: tablets need --fleet, or this one --tablet", file)
	}
	for _, f := range files {
		s, err := config.LoadSignature(f)
		if err != nil {
			return err
		}
		if key == "" {
			continue
		}
		public, err := config.LoadPublicKey(key)
		if err != nil {
			return err
		}
		data, err := os.ReadFile(f)
		if err == nil {
			err = s.Verify(data, public, time.Now(), 0)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", f, err)
		}
	}
	return nil
}

// imageSame says whether two builds are the same, and which of their files have other bits all the same.
func (r run) imageSame(asJSON bool, a, b string) error {
	others, err := image.SameImage(a, b)
	if err != nil {
		return err
	}
	plain := "bit for bit"
	if len(others) > 0 {
		plain = "but for the signatures, so that these have other bits: " + strings.Join(others, ", ")
	}
	return r.sayImage(asJSON, imageAnswer{OK: true, Image: a, Differ: others}, "%s and %s are the same, %s\n", a, b, plain)
}

// imageVerify says whether what was built is whole, or what a disk's configuration
// partition holds and which systems it starts.
func imageVerify(ctx context.Context, r run, args []string) error {
	flags := flag.NewFlagSet("", flag.ContinueOnError)
	asJSON := flags.Bool("json", false, "")
	other := flags.String("same-as", "", "")
	rest, err := parseAround(flags, args, 1)
	if err != nil {
		return err
	}
	if len(rest) != 1 {
		return fmt.Errorf("%w: image verify DIRECTORY|DISK", errUsage)
	}
	if *other != "" {
		return r.imageSame(*asJSON, rest[0], *other)
	}
	info, err := os.Stat(rest[0])
	if err != nil {
		return err
	}
	if info.IsDir() {
		if err := image.VerifyDir(rest[0]); err != nil {
			return err
		}
		return r.sayImage(*asJSON, imageAnswer{OK: true, Image: rest[0]}, "%s: every checksum holds\n", rest[0])
	}
	b, err := image.LoadBundle(rest[0])
	a, plain := imageAnswer{OK: true, Disk: rest[0]}, "not configured"
	if err == nil {
		a.Holds = slices.Sorted(maps.Keys(b))
		plain = fmt.Sprintf("configured with %q", a.Holds)
	} else if !errors.Is(err, image.ErrAbsent) {
		return err
	}
	a.Systems, err = image.Systems(ctx, rest[0])
	for _, s := range a.Systems {
		plain += fmt.Sprintf("; %s %s", s.Version, s.State)
	}
	if err != nil { // the configuration was asked for
		plain += fmt.Sprintf("; its systems were not read: %v", err)
	}
	return r.sayImage(*asJSON, a, "%s: %s\n", rest[0], plain)
}
