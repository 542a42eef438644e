package kiosk

import (
	"context"
	"errors"
	"sync"

	"portillon/internal/identity"
	"portillon/internal/vault"
)

// Sessions end here: wiped first, wherever they rest, and only then revoked, with nobody waiting.

// chores are what is to be done with the vault, one after the other in the order in which it was
// decided, and off the loop: a keyring may take its 3 s. The zero value is ready.
type chores struct {
	mu   sync.Mutex
	last <-chan struct{} // closed when the newest is done; nil: there was none
}

// add has do done in its turn. The channel is closed after it.
func (c *chores) add(do func()) <-chan struct{} {
	done := make(chan struct{})
	c.mu.Lock()
	before := c.last
	c.last = done
	c.mu.Unlock()
	go func() {
		defer close(done)
		if before != nil {
			<-before
		}
		do()
	}()
	return done
}

// settled waits for all that was decided so far.
func (c *chores) settled(ctx context.Context) error {
	c.mu.Lock()
	last := c.last
	c.mu.Unlock()
	if last == nil {
		return nil
	}
	select {
	case <-last:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// vaultContext outlives the attempt: what was decided about the vault is done.
func (k *Kiosk) vaultContext() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(k.ctx), vaultLimit)
}

// errDiscarded: nobody wants this session kept any more.
var errDiscarded = errors.New("kiosk: the login was given up")

// keep puts a record of an attempt into the vault, unless that is discarded first. A wipe that is
// decided later comes after it.
func (k *Kiosk) keep(ctx context.Context, a *attempt, record vault.Record) error {
	k.mu.Lock()
	a.kept = true
	k.mu.Unlock()
	var err error
	done := k.chores.add(func() {
		if a.ctx.Err() != nil {
			err = errDiscarded
			return
		}
		ctx, cancel := k.vaultContext()
		defer cancel()
		err = k.Vault.Put(ctx, record)
	})
	select {
	case <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// wipeVault forgets what rests in the vault. The channel is closed when it is gone.
func (k *Kiosk) wipeVault() <-chan struct{} {
	return k.chores.add(func() {
		ctx, cancel := k.vaultContext()
		defer cancel()
		k.wipe(ctx)
	})
}

func (k *Kiosk) wipe(ctx context.Context) {
	if err := k.Vault.Wipe(ctx); err != nil && !errors.Is(err, vault.ErrEmpty) {
		k.Log.Warn("vault", "error", err.Error())
	}
}

// forget is wipeVault for a session that rests in the vault and nowhere else: it is revoked, too.
// Of one that an attempt holds, discard takes care.
func (k *Kiosk) forget() <-chan struct{} {
	return k.chores.add(func() {
		ctx, cancel := k.vaultContext()
		defer cancel()
		record, err := k.Vault.Get(ctx)
		if errors.Is(err, vault.ErrEmpty) {
			return
		}
		k.wipe(ctx)
		if err != nil { // unreadable, or no keyring: the log has it
			return
		}
		if s, err := identity.Unseal(record.Sealed); err == nil {
			k.revoke(s, nil)
		}
		clear(record.Sealed)
	})
}

// discard ends an attempt: requests cancelled, flow closed, everything wiped, and
// only then, without anyone waiting for it, the session revoked.
func (k *Kiosk) discard(n int) {
	k.mu.Lock()
	a := k.attempts[n]
	delete(k.attempts, n)
	if a == nil {
		k.mu.Unlock()
		return
	}
	a.cancel()
	flow, s, kept := a.flow, a.session, a.record != nil || a.kept
	a.flow, a.session, a.record = nil, nil, nil
	k.mu.Unlock()
	if flow != nil {
		flow.Close()
	}
	var wiped <-chan struct{}
	if kept {
		wiped = k.wipeVault()
	}
	if s != nil {
		k.revoke(s, wiped)
	}
}

// revoke is best effort, under a context of its own: the attempt's is gone. It comes after what
// wipes the session; nil: that is done.
func (k *Kiosk) revoke(s *identity.Session, wiped <-chan struct{}) {
	k.revoked.Go(func() {
		if wiped != nil {
			<-wiped
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(k.ctx), revokeLimit)
		defer cancel()
		defer s.Wipe()
		if err := k.Provider.Revoke(ctx, s); err != nil {
			k.Log.Info("revocation", "kind", identity.KindOf(err).String())
		}
	})
}

// reset ends the candidate: wipe first, revoke second, and leave. The supervisor starts
// the next one's process when this one exits.
func (k *Kiosk) reset() {
	k.done = true
	k.mu.Lock()
	held := make([]int, 0, len(k.attempts))
	for n := range k.attempts {
		held = append(held, n)
	}
	k.mu.Unlock()
	for _, n := range held {
		k.discard(n)
	}
	// This process ends: what it leaves in the vault nobody else would wipe.
	wiped, stop := k.vaultContext()
	defer stop()
	select {
	case <-k.forget():
	case <-wiped.Done():
		k.Log.Warn("vault", "error", "not wiped in time")
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(k.ctx), farewellLimit)
	defer cancel()
	if err := k.Supervisor.EndCandidate(ctx); err != nil {
		k.Log.Error("end of candidate", "error", err.Error())
	}
	revoked := make(chan struct{})
	go func() { k.revoked.Wait(); close(revoked) }()
	select {
	case <-revoked:
	case <-ctx.Done():
	}
}
