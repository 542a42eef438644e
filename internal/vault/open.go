package vault

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"

	"github.com/godbus/dbus/v5"
)

// Service is the name of the keyring's items.
const Service = "portillon"

// Names of the Secret Service API, freedesktop.org draft 0.2.
const (
	secretsName    = "org.freedesktop.secrets"
	secretsPath    = "/org/freedesktop/secrets"
	serviceProp    = "org.freedesktop.Secret.Service.Collections"
	lockedProp     = "org.freedesktop.Secret.Collection.Locked"
	loginPath      = secretsPath + "/collection/login"
	defaultPath    = secretsPath + "/aliases/default"
	probeItem      = "probe"
	busAddressName = "DBUS_SESSION_BUS_ADDRESS"
)

// Open returns the keyring where Probe finds it working, else a vault in memory.
func Open(ctx context.Context) Vault {
	if Probe(ctx) != nil {
		return Memory()
	}
	return Keyring(Service, Limit)
}

// Probe reports, within the context and Limit, why there is no working keyring; nil
// where there is one. It starts nothing: a service started only now would have a
// locked collection.
func Probe(ctx context.Context) error {
	address, err := busAddress()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	ctx, cancel := context.WithTimeout(ctx, Limit)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- Unlocked(ctx, address) }()
	select {
	case err := <-done:
		if err != nil {
			return fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
	}
	return roundTrip(ctx, newKeyring(Service, Limit, secretService{}))
}

// busAddress is the session bus's address, if there is one to use: without it go-keyring
// and the D-Bus library would execute dbus-launch.
func busAddress() (string, error) {
	address := os.Getenv(busAddressName)
	if address == "" || address == "autolaunch:" {
		return "", errors.New(busAddressName + " is not set")
	}
	return address, nil
}

// ErrLocked: the collection is there, and locked.
var ErrLocked = errors.New("the keyring is locked")

// Unlocked asks, on a connection of its own to the bus at address, whether a Secret Service is
// there and its collection open: nil, ErrLocked, or why it cannot be known. It looks at the
// collection that go-keyring would use.
func Unlocked(ctx context.Context, address string) (err error) {
	bus, err := dbus.Connect(address, dbus.WithContext(ctx))
	if err != nil {
		return fmt.Errorf("session bus: %w", err)
	}
	defer func() { err = errors.Join(err, bus.Close()) }()

	var owned bool
	if err := bus.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.NameHasOwner", 0, secretsName).Store(&owned); err != nil {
		return fmt.Errorf("session bus: %w", err)
	}
	if !owned {
		return errors.New("no Secret Service on the bus")
	}
	path := dbus.ObjectPath(defaultPath)
	var collections []dbus.ObjectPath
	if err := property(ctx, bus, secretsPath, serviceProp, &collections); err != nil {
		return err
	}
	for _, c := range collections {
		if c == loginPath {
			path = loginPath
		}
	}
	var locked bool
	if err := property(ctx, bus, path, lockedProp, &locked); err != nil {
		return err
	}
	if locked {
		return ErrLocked
	}
	return nil
}

// property is godbus's GetProperty under a context.
func property(ctx context.Context, bus *dbus.Conn, path dbus.ObjectPath, name string, into any) error {
	const get = "org.freedesktop.DBus.Properties.Get"
	dot := len(name) - 1
	for name[dot] != '.' {
		dot--
	}
	var v dbus.Variant
	call := bus.Object(secretsName, path).CallWithContext(ctx, get, dbus.FlagNoAutoStart, name[:dot], name[dot+1:])
	if err := call.Store(&v); err != nil {
		return fmt.Errorf("secret service: %w", err)
	}
	if err := v.Store(into); err != nil {
		return fmt.Errorf("secret service: %w", err)
	}
	return nil
}

// roundTrip keeps a random word, reads it and removes it.
func roundTrip(ctx context.Context, k *keyring) error {
	word := rand.Text()
	got, err := k.do(ctx, func() (string, error) {
		if err := k.backend.Set(k.service, probeItem, word); err != nil {
			return "", err
		}
		got, err := k.backend.Get(k.service, probeItem)
		return got, errors.Join(err, k.backend.Delete(k.service, probeItem))
	})
	if err != nil {
		return fmt.Errorf("%w: round trip: %w", ErrUnavailable, err)
	}
	if got != word {
		return fmt.Errorf("%w: round trip gave back something else", ErrUnavailable)
	}
	return nil
}
