// Package mail sends the one-time codes: real SMTP to a relay, and a queue in the
// database that survives a restart. oauth enqueues inside its own transaction; the
// service's doorway runs the queue.
//
//	oauth: Queue.Enqueue(tx, Message) ─commit─ Queue.Wake ─→ Run: due → open → Relay.Send
//	                                                          ├ sent, refused for good, too late: deleted
//	                                                          └ anything else: later, 1 s to 15 s apart
//
// Where several processes serve, each message is one's alone while it is being sent
// (store.Deliver), and another's if that one dies.
//
// A message is sent at least once: a service that dies between the relay's "250" and
// the next line of its database sends it again, with the same Message-ID, by which
// mail servers and readers know a copy (RFC 5322 §3.6.4, RFC 1047).
//
// Recipient, text and code are sealed while they wait and never logged. A code is
// never mailed after it expired: the student would type it in vain.
package mail

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"portillon/internal/rehearsal/keys"
	"portillon/internal/rehearsal/store"
)

// Pace of the queue.
const (
	batch       = 32
	parallel    = 4
	poll        = time.Second // between looks at the queue when nobody wakes it
	firstDelay  = time.Second
	longest     = 15 * time.Second
	sendTimeout = 20 * time.Second
)

// ErrRefused: the relay will never take this message (5xx about the message).
var ErrRefused = errors.New("relay refused the message for good")

// Message is what waits to be sent.
type Message struct {
	// ID is the left half of the Message-ID, which every attempt shares; Enqueue gives
	// one. "" (a queue of an older version): each attempt has its own.
	ID      string `json:"id,omitempty"`
	To      string `json:"to"`
	Subject string `json:"subject"`
	Text    string `json:"text"`
}

// Relay hands a message over. Its errors hold neither recipient nor text; it
// fails with ErrRefused where trying again is useless.
type Relay interface {
	Send(ctx context.Context, m Message) error
}

// Queue sends what was enqueued. Its methods may be called from several goroutines.
type Queue struct {
	db    *store.DB
	ring  *keys.Ring
	relay Relay
	now   func() time.Time
	log   *slog.Logger
	wake  chan struct{}
}

// NewQueue returns a queue over db. Run makes it move.
func NewQueue(db *store.DB, ring *keys.Ring, relay Relay, now func() time.Time, log *slog.Logger) *Queue {
	return &Queue{db: db, ring: ring, relay: relay, now: now, log: log, wake: make(chan struct{}, 1)}
}

// Enqueue adds m to the caller's transaction, to be sent before notAfter. A
// phantom takes the same way and time, and is dropped unsent.
func (q *Queue) Enqueue(tx *store.Tx, m Message, phantom bool, notAfter time.Time) error {
	if m.ID == "" {
		m.ID = rand.Text()
	}
	plain, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("enqueue mail: %w", err)
	}
	return tx.InsertMail(store.Mail{Sealed: q.ring.Seal(plain), Phantom: phantom, NotAfter: notAfter}, q.now())
}

// Wake tells Run that something was enqueued. It never blocks.
func (q *Queue) Wake() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// Run sends until ctx ends, and returns when nothing is under way any more.
func (q *Queue) Run(ctx context.Context) {
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		n, err := q.Flush(ctx)
		if err != nil && ctx.Err() == nil {
			q.log.Error("mail queue", "err", err)
		}
		if n == batch && err == nil {
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-q.wake:
		case <-tick.C:
		}
	}
}

// Flush tries every message that is due now, at most one batch, and says how many
// it tried.
func (q *Queue) Flush(ctx context.Context) (int, error) {
	var due []store.Mail
	err := q.db.Read(ctx, func(tx *store.Tx) (err error) {
		due, err = tx.DueMails(q.now(), batch)
		return err
	})
	if err != nil {
		return 0, err
	}
	work := make(chan store.Mail)
	results := make(chan error, len(due))
	var tried atomic.Int64
	var wg sync.WaitGroup
	for range min(parallel, len(due)) {
		wg.Go(func() {
			for m := range work {
				mine, err := q.deliver(ctx, m)
				if mine {
					tried.Add(1)
				}
				results <- err
			}
		})
	}
	for _, m := range due {
		work <- m
	}
	close(work)
	wg.Wait()
	close(results)
	var errs []error
	for err := range results {
		errs = append(errs, err)
	}
	return int(tried.Load()), errors.Join(errs...)
}

// deliver sends one message that is due, and settles what becomes of it. Where others send
// beside this process it is whichever of the due messages nobody has yet; mine is false
// where there is none left.
func (q *Queue) deliver(ctx context.Context, m store.Mail) (mine bool, err error) {
	if q.db.Shared() {
		return q.db.Deliver(ctx, q.now(), func(m store.Mail) store.Fate { return q.attempt(ctx, m) })
	}
	fate := q.attempt(ctx, m)
	// What was sent must not be sent again because the service is stopping.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sendTimeout)
	defer cancel()
	return true, q.db.Write(ctx, func(tx *store.Tx) error {
		if fate.Next.IsZero() {
			return tx.DeleteMail(m.ID)
		}
		return tx.RetryMail(m.ID, fate.Next)
	})
}

// attempt sends one message and says what becomes of it.
func (q *Queue) attempt(ctx context.Context, m store.Mail) store.Fate {
	var done store.Fate
	if m.Phantom {
		return done
	}
	if q.now().After(m.NotAfter) {
		q.log.Warn("mail given up", "mail", m.ID, "tries", m.Tries, "why", "the code expired")
		return done
	}
	plain, err := q.ring.Open(m.Sealed)
	if err != nil {
		q.log.Error("mail given up", "mail", m.ID, "why", err.Error())
		return done
	}
	var msg Message
	if err := json.Unmarshal(plain, &msg); err != nil {
		q.log.Error("mail given up", "mail", m.ID, "why", "unreadable") // the cause would quote it
		return done
	}
	sctx, cancel := context.WithTimeout(ctx, sendTimeout)
	err = q.relay.Send(sctx, msg)
	cancel()
	switch {
	case err == nil:
		q.log.Info("mail sent", "mail", m.ID, "tries", m.Tries+1)
		return done
	case errors.Is(err, ErrRefused):
		q.log.Warn("mail given up", "mail", m.ID, "tries", m.Tries+1, "why", err.Error())
		return done
	}
	delay := min(firstDelay<<min(m.Tries, 5), longest)
	next := q.now().Add(delay) // of the failure, not of when the database has time
	q.log.Warn("mail delayed", "mail", m.ID, "tries", m.Tries+1, "next_s", delay.Seconds(), "why", err.Error())
	return store.Fate{Next: next}
}
