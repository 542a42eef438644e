package httpwire

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"sync"

	"portillon/internal/identity"
)

// ErrTorn: net/http handed the request over in more than one piece, so that the
// secret's place cannot be known. Nothing was sent.
var ErrTorn = errors.New("request was not written whole; nothing was sent")

// placeholder stands where the secret will be. The secret's field is the last one
// of its body.
const placeholder = 'x'

// escaped is how many bytes the percent-encoded secret takes.
func escaped(secret *identity.Secret) (n int) {
	secret.Use(func(b []byte) {
		for _, c := range b {
			n++
			if !plain(c) {
				n += 2
			}
		}
	})
	return n
}

// plain bytes go through application/x-www-form-urlencoded as they are.
func plain(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
		c == '-' || c == '.' || c == '_' || c == '*'
}

// slot holds the secret that the next request on a link carries. It is armed for
// one request at a time.
type slot struct {
	mu     sync.Mutex
	body   []byte // of that request, placeholder last
	width  int    // of the placeholder
	secret *identity.Secret
	fired  bool
}

func (s *slot) arm(body []byte, width int, secret *identity.Secret) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.body, s.width, s.secret, s.fired = body, width, secret, false
}

// disarm forgets the secret but not the body: a cancelled request that net/http
// still writes must not reach the service with its placeholder, which would
// count as a wrong password.
func (s *slot) disarm() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.secret, s.fired = nil, true
}

// take gives the secret to the one write that ends with the whole body.
func (s *slot) take(b []byte) (secret *identity.Secret, width int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ours := len(s.body) > 0 && bytes.HasSuffix(b, s.body)
	if s.secret == nil && !ours {
		return nil, 0, nil
	}
	if s.fired || !ours {
		return nil, 0, ErrTorn
	}
	s.fired = true
	return s.secret, s.width, nil
}

// conn is what net/http writes requests to. Where the link's slot is armed it
// writes the secret instead of the placeholder, percent-encoded, one byte a
// Write. crypto/tls assembles each record in a pooled buffer that it may grow and drop with the
// plaintext inside; a record of one byte drops one byte, and no memory ever
// holds two neighbouring bytes of a secret. The records' number tells an
// eavesdropper the encoded length, as the length of one record would.
type conn struct {
	net.Conn
	slot *slot
	cork *cork // nil without TLS
}

func (c *conn) Write(b []byte) (int, error) {
	secret, width, err := c.slot.take(b)
	if err != nil {
		return 0, err
	}
	if secret == nil {
		return c.Conn.Write(b)
	}
	if c.cork != nil {
		c.cork.hold()
	}
	head := b[:len(b)-width]
	if _, err := c.Conn.Write(head); err != nil {
		return 0, fmt.Errorf("write request: %w", err)
	}
	secret.Use(func(page []byte) { err = c.writeEscaped(page) })
	if err != nil {
		return len(head), fmt.Errorf("write request: %w", err)
	}
	if c.cork != nil {
		if err := c.cork.release(); err != nil {
			return len(head), fmt.Errorf("write request: %w", err)
		}
	}
	return len(b), nil
}

func (c *conn) writeEscaped(page []byte) error {
	const hex = "0123456789ABCDEF"
	var one [1]byte
	defer clear(one[:])
	put := func(b byte) error {
		one[0] = b
		_, err := c.Conn.Write(one[:])
		return err
	}
	for _, b := range page {
		if plain(b) {
			if err := put(b); err != nil {
				return err
			}
			continue
		}
		for _, e := range [3]byte{'%', hex[b>>4], hex[b&15]} {
			if err := put(e); err != nil {
				return err
			}
		}
	}
	return nil
}

// cork lies under TLS and gathers the many small records of a secret into one
// segment. What it holds is ciphertext.
type cork struct {
	net.Conn
	mu      sync.Mutex
	held    []byte
	holding bool
}

func (c *cork) hold() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.holding = true
}

func (c *cork) release() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := c.held
	c.held, c.holding = nil, false
	_, err := c.Conn.Write(b)
	return err
}

func (c *cork) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.holding {
		c.held = append(c.held, b...)
		return len(b), nil
	}
	return c.Conn.Write(b)
}
