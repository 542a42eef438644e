package vault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	gokeyring "github.com/zalando/go-keyring"
)

// Limit is how long the keyring may take for one call: a locked or hung Secret
// Service blocks for two minutes or for ever, and go-keyring knows no context.
const Limit = 3 * time.Second

// item is the name of the one record within the service.
const item = "session"

// backend is the part of go-keyring that is used.
type backend interface {
	Set(service, user, secret string) error
	Get(service, user string) (string, error)
	Delete(service, user string) error
}

// secretService is go-keyring, but never without a bus: it would start one.
type secretService struct{}

func (secretService) Set(service, user, secret string) error {
	if _, err := busAddress(); err != nil {
		return err
	}
	return gokeyring.Set(service, user, secret)
}

func (secretService) Get(service, user string) (string, error) {
	if _, err := busAddress(); err != nil {
		return "", err
	}
	return gokeyring.Get(service, user)
}

func (secretService) Delete(service, user string) error {
	if _, err := busAddress(); err != nil {
		return err
	}
	return gokeyring.Delete(service, user)
}

// keyring runs one call of the backend at a time, in a goroutine that a hung call
// may keep. After the first call that exceeds the limit the vault is gone for
// good: a service that comes back in the middle of a login is no better than none.
type keyring struct {
	service string
	limit   time.Duration
	backend backend
	busy    chan struct{} // holds a token while a call runs

	mu   sync.Mutex
	gone bool
}

// Keyring returns a vault in the session's Secret Service, under the name service,
// each call within limit. It is not tried before the first call: see Open.
func Keyring(service string, limit time.Duration) Vault {
	return newKeyring(service, limit, secretService{})
}

func newKeyring(service string, limit time.Duration, b backend) *keyring {
	return &keyring{service: service, limit: limit, backend: b, busy: make(chan struct{}, 1)}
}

func (k *keyring) Put(ctx context.Context, r Record) error {
	b, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("vault: encode record: %w", err)
	}
	defer clear(b)
	_, err = k.do(ctx, func() (string, error) { return "", k.backend.Set(k.service, item, string(b)) })
	return err
}

func (k *keyring) Get(ctx context.Context) (Record, error) {
	s, err := k.do(ctx, func() (string, error) { return k.backend.Get(k.service, item) })
	if errors.Is(err, gokeyring.ErrNotFound) {
		return Record{}, ErrEmpty
	}
	if err != nil {
		return Record{}, err
	}
	var r Record
	if json.Unmarshal([]byte(s), &r) != nil { // the cause would quote it
		return Record{}, ErrUnreadable
	}
	return r, nil
}

func (k *keyring) Wipe(ctx context.Context) error {
	_, err := k.do(ctx, func() (string, error) { return "", k.backend.Delete(k.service, item) })
	if errors.Is(err, gokeyring.ErrNotFound) {
		return nil
	}
	return err
}

func (k *keyring) Survives() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return !k.gone
}

type result struct {
	s   string
	err error
}

// do runs call within the limit and the context. A caller that gives up early
// leaves the call running; one that waited out the limit ends the vault.
func (k *keyring) do(ctx context.Context, call func() (string, error)) (string, error) {
	if !k.Survives() {
		return "", ErrUnavailable
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	late := time.NewTimer(k.limit)
	defer late.Stop()
	select {
	case k.busy <- struct{}{}:
	case <-ctx.Done():
		return "", ctx.Err()
	case <-late.C:
		return "", k.end()
	}
	done := make(chan result, 1)
	go k.run(call, done)
	select {
	case r := <-done:
		return r.value()
	case <-ctx.Done():
		return "", ctx.Err()
	case <-late.C:
		return k.lastWord(done)
	}
}

// run makes the call and reports it. Whoever takes the lock first, run or end,
// decides whether the call was in time.
func (k *keyring) run(call func() (string, error), done chan<- result) {
	defer func() { <-k.busy }()
	s, err := call()
	k.mu.Lock()
	done <- result{s, err} // buffered
	gone := k.gone
	k.mu.Unlock()
	if gone {
		k.sweep()
	}
}

// lastWord takes an answer that came with the limit, else ends the vault.
func (k *keyring) lastWord(done <-chan result) (string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	select {
	case r := <-done:
		return r.value()
	default:
		k.gone = true
		return "", k.tooLate()
	}
}

func (k *keyring) end() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.gone = true
	return k.tooLate()
}

func (k *keyring) tooLate() error {
	return fmt.Errorf("%w: no answer within %s", ErrUnavailable, k.limit)
}

func (r result) value() (string, error) {
	if r.err != nil && !errors.Is(r.err, gokeyring.ErrNotFound) {
		return "", fmt.Errorf("%w: %w", ErrUnavailable, r.err)
	}
	return r.s, r.err
}

// sweep follows a call that came back after the vault was given up: nobody will
// wipe any more, so what may be kept is removed here, as well as can be.
func (k *keyring) sweep() {
	_ = k.backend.Delete(k.service, item) // no one is left to tell
}
