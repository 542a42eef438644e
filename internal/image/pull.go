package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"portillon/internal/config"
	"portillon/internal/update"
)

// What a look at update_uri may end with, beside config's reasons why a signature is no good.
var (
	// ErrNothingNewer: what is offered is what the tablet has, or older.
	ErrNothingNewer = errors.New("nothing newer")
	// ErrServer: no answer, or none that could be one.
	ErrServer = errors.New("the update server")
)

// PullOptions is where a newer configuration comes from. All are required.
type PullOptions struct {
	// URI is centre.update_uri: a directory with portillon.toml and portillon.toml.sig, and,
	// for a fleet, fleet.csv and fleet.csv.sig.
	URI string
	// Held is the serial of the configuration in force.
	Held uint64
	// Key is the file of the centre's public key.
	Key string
	Now func() time.Time
	// Client sends the requests. A redirect is no answer, whatever its CheckRedirect says.
	Client *http.Client
}

// PullLimit bounds a whole look.
const PullLimit = 30 * time.Second

// Pull asks for a configuration of a higher serial. It fetches the signature first, which says whether
// there is one: a look in vain costs some hundred bytes. What it returns is signed by the centre, newer
// than Held, not expired and a configuration; whether it suits this very tablet is Take's to
// say. It fails with ErrNothingNewer, ErrServer, ErrFleet, config.Errors, or as Signature.Verify does.
func Pull(ctx context.Context, o PullOptions) (Bundle, error) {
	ctx, cancel := context.WithTimeout(ctx, PullLimit)
	defer cancel()
	key, err := config.LoadPublicKey(o.Key)
	if err != nil {
		return nil, err
	}
	b := Bundle{}
	fetch := func(name string, newerThan uint64) error {
		sig, err := o.get(ctx, name+config.SignatureSuffix)
		if err != nil {
			return err
		}
		s, err := config.ParseSignature(sig)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if newerThan > 0 && !update.Newer(s, newerThan) {
			return fmt.Errorf("%w: serial %d is offered, %d is in force", ErrNothingNewer, s.Serial, newerThan)
		}
		data, err := o.get(ctx, name)
		if err == nil {
			err = s.Verify(data, key, o.Now(), newerThan)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		b[name], b[name+config.SignatureSuffix] = data, sig
		return nil
	}
	if err := fetch(ConfigName, o.Held); err != nil {
		return nil, err
	}
	if _, err := config.Parse(ConfigName, b[ConfigName]); err != nil {
		return nil, err
	}
	err = fetch(FleetName, 0)
	if errors.Is(err, errNotThere) { // the one on the tablet stays
		return b, nil
	}
	if err == nil {
		_, err = ParseFleet(b[FleetName])
	}
	if err != nil {
		return nil, err
	}
	return b, nil
}

// errNotThere: the server answers, and has no such file.
var errNotThere = fmt.Errorf("%w: no such file", ErrServer)

// get fetches one file, at most maxMember of it.
func (o PullOptions) get(ctx context.Context, name string) ([]byte, error) {
	at, err := url.JoinPath(o.URI, name)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrServer, err)
	}
	answer, err := o.ask(ctx, at)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	data, err := io.ReadAll(io.LimitReader(answer.Body, maxMember+1))
	err = errors.Join(err, answer.Body.Close())
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %s: %w", ErrServer, name, err)
	case len(data) > maxMember:
		return nil, fmt.Errorf("%w: %s is longer than %d bytes", ErrServer, name, maxMember)
	}
	return data, nil
}

// Take puts what Pull brought on the configuration partition, beside what is there (Wi-Fi, authority,
// label), and into o.Run. Before anything is written, all of it is tried as the next boot would: what
// would be refused then leaves the tablet as it is. It fails as Adopt refuses, with ErrNothingNewer, or
// where the partition cannot be written.
func Take(o AdoptOptions, fresh Bundle) error {
	highest, err := config.HighestSerial(o.Serial)
	if err != nil {
		return err
	}
	s, err := config.ParseSignature(fresh[ConfigName+config.SignatureSuffix])
	if err != nil {
		return err
	}
	if !update.Newer(s, highest) {
		return fmt.Errorf("%w: serial %d is offered, %d was accepted before", ErrNothingNewer, s.Serial, highest)
	}
	b, err := o.held()
	if err != nil {
		return err
	}
	for _, name := range []string{ConfigName, FleetName} {
		if data, ok := fresh[name]; ok {
			b[name], b[name+config.SignatureSuffix] = data, fresh[name+config.SignatureSuffix]
		}
	}
	if err := o.try(b); err != nil {
		return err
	}
	if err := ReplaceBundle(o.Partition, b); err != nil {
		return err
	}
	return o.take(b)
}

// held is what is on the partition.
func (o AdoptOptions) held() (Bundle, error) {
	f, err := o.open()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAbsent, err)
	}
	defer func() { _ = f.Close() }() // read only
	var first error
	for _, half := range halves(f) {
		b, err := ReadBundle(half)
		if err == nil {
			return b, nil
		}
		if first == nil {
			first = err
		}
	}
	return nil, first
}

// try takes a bundle where nobody looks.
func (o AdoptOptions) try(b Bundle) (err error) {
	scratch, err := os.MkdirTemp(o.Run, ".try-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	trial := o
	trial.Run, trial.WiFi, trial.Serial = filepath.Join(scratch, "run"), filepath.Join(scratch, "wifi"), filepath.Join(scratch, "serial")
	for _, dir := range []string{trial.Run, trial.WiFi} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			return err
		}
	}
	return trial.take(b)
}
