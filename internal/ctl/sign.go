package ctl

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"portillon/internal/config"
	"portillon/internal/image"
)

// answer is the JSON of config keygen, sign and verify.
type answer struct {
	OK        bool       `json:"ok"`
	File      string     `json:"file,omitempty"`
	PublicKey string     `json:"public_key,omitempty"`
	Serial    uint64     `json:"serial,omitempty"`
	NotAfter  *time.Time `json:"not_after,omitempty"`
	Error     string     `json:"error,omitempty"`
}

// defaultKey is where the centre's private key is when nobody says; its public half has .pub
// after it.
const (
	defaultKey = "portillon-config.key"
	publicEnd  = ".pub"
)

// signing are the flags of the three commands.
type signing struct {
	asJSON bool
	key    string
	serial uint64
	days   int
	file   string
}

// parseSigning reads flags before, between and after the one file.
func parseSigning(args []string) (signing, error) {
	var s signing
	flags := flag.NewFlagSet("", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // Main says it
	flags.BoolVar(&s.asJSON, "json", false, "")
	flags.StringVar(&s.key, "key", defaultKey, "")
	flags.Uint64Var(&s.serial, "serial", 0, "")
	flags.IntVar(&s.days, "days", 30, "")
	for len(args) > 0 {
		if err := flags.Parse(args); err != nil {
			return s, fmt.Errorf("%w: %w", errUsage, err)
		}
		if args = flags.Args(); len(args) == 0 {
			break
		}
		if s.file != "" {
			return s, fmt.Errorf("%w: one FILE at a time", errUsage)
		}
		s.file, args = args[0], args[1:]
	}
	return s, nil
}

func (s signing) needsFile() error {
	if s.file == "" {
		return fmt.Errorf("%w: which FILE?", errUsage)
	}
	return nil
}

// say answers in the form that was asked for.
func (r run) say(asJSON bool, a answer, plain string, args ...any) error {
	if asJSON {
		return json.NewEncoder(r.out).Encode(a)
	}
	_, err := fmt.Fprintf(r.out, plain, args...)
	return err
}

// configKeygen never replaces a key: tablets that trust the old one would be lost.
func configKeygen(_ context.Context, r run, args []string) error {
	s, err := parseSigning(args)
	if err != nil {
		return err
	}
	if s.file == "" {
		s.file = defaultKey
	}
	public := s.file + publicEnd
	private, open, err := config.NewKey()
	if err != nil {
		return err
	}
	if err := writeNew(s.file, private, 0o600); err != nil {
		return err
	}
	if err := writeNew(public, open, 0o644); err != nil {
		return errors.Join(err, os.Remove(s.file))
	}
	return r.say(s.asJSON, answer{OK: true, File: s.file, PublicKey: public},
		"%s: keep it off every tablet and off the network\n%s: goes into the image\n", s.file, public)
}

func writeNew(path string, data []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close())
}

// configSign signs only what is valid, and never a serial that is not above the last one
// signed here.
func configSign(_ context.Context, r run, args []string) error {
	s, err := parseSigning(args)
	if err != nil {
		return err
	}
	if err := s.needsFile(); err != nil {
		return err
	}
	if s.days < 1 {
		return fmt.Errorf("%w: --days must be 1 or more", errUsage)
	}
	signature, err := sign(s)
	if err != nil {
		return err
	}
	return r.say(s.asJSON, answer{OK: true, File: s.file + config.SignatureSuffix, Serial: signature.Serial, NotAfter: &signature.NotAfter},
		"%s: serial %d, until %s\n", s.file+config.SignatureSuffix, signature.Serial, signature.NotAfter.Format(time.DateOnly))
}

// sign writes the signature beside its file.
func sign(s signing) (config.Signature, error) {
	raw, err := signable(s.file)
	if err != nil {
		return config.Signature{}, err
	}
	key, err := config.LoadPrivateKey(s.key)
	if err != nil {
		return config.Signature{}, err
	}
	old, err := config.LoadSignature(s.file)
	switch {
	case errors.Is(err, config.ErrUnsigned):
	case err != nil:
		return config.Signature{}, err
	case s.serial != 0 && s.serial <= old.Serial:
		return config.Signature{}, fmt.Errorf("%s has serial %d already; tablets refuse to go back: sign with a higher one", s.file+config.SignatureSuffix, old.Serial)
	}
	if s.serial == 0 {
		s.serial = old.Serial + 1
	}
	signature, err := config.Sign(raw, key, s.serial, time.Now().AddDate(0, 0, s.days))
	if err != nil {
		return config.Signature{}, err
	}
	b, err := json.MarshalIndent(signature, "", "  ")
	if err != nil {
		return config.Signature{}, err
	}
	return signature, replace(s.file+config.SignatureSuffix, append(b, '\n'))
}

// replace writes a file whole or not at all.
func replace(path string, data []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".sig-*")
	if err != nil {
		return err
	}
	_, err = tmp.Write(data)
	err = errors.Join(err, tmp.Chmod(0o644), tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(tmp.Name()))
	}
	return nil
}

func configVerify(_ context.Context, r run, args []string) error {
	s, err := parseSigning(args)
	if err != nil {
		return err
	}
	if err := s.needsFile(); err != nil {
		return err
	}
	if s.key == defaultKey {
		s.key += publicEnd
	}
	signature, err := verify(s)
	if err != nil {
		if !s.asJSON {
			return err
		}
		return errors.Join(r.say(true, answer{File: s.file, Error: err.Error()}, ""), errSaid)
	}
	return r.say(s.asJSON, answer{OK: true, File: s.file, Serial: signature.Serial, NotAfter: &signature.NotAfter},
		"%s: good, serial %d, until %s\n", s.file, signature.Serial, signature.NotAfter.Format(time.DateOnly))
}

func verify(s signing) (config.Signature, error) {
	key, err := config.LoadPublicKey(s.key)
	if err != nil {
		return config.Signature{}, err
	}
	raw, err := signable(s.file)
	if err != nil {
		return config.Signature{}, err
	}
	signature, err := config.LoadSignature(s.file)
	if err != nil {
		return config.Signature{}, err
	}
	if err := signature.Verify(raw, key, time.Now(), 0); err != nil {
		return config.Signature{}, fmt.Errorf("%s: %w", s.file, err)
	}
	return signature, nil
}

// signable is what a signature is made over: a valid configuration, or, where the file is a .csv, a
// valid fleet, or what an image offers.
func signable(file string) ([]byte, error) {
	if filepath.Base(file) == image.OfferName {
		raw, err := os.ReadFile(file)
		if err == nil {
			_, err = image.ParseOffer(raw)
		}
		return raw, err
	}
	if filepath.Ext(file) != ".csv" {
		c, err := config.Load(file)
		if err != nil {
			return nil, err
		}
		return c.Raw, nil
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	if _, err := image.ParseFleet(raw); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return raw, nil
}
