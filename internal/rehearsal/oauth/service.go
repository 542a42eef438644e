package oauth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"log/slog"
	"net/http"
	"time"

	"portillon/internal/rehearsal/keys"
	"portillon/internal/rehearsal/mail"
	"portillon/internal/rehearsal/password"
	"portillon/internal/rehearsal/store"
)

// Paths under the issuer.
const (
	pathChallenge = "/challenge"
	pathToken     = "/token"
	pathRevoke    = "/revoke"
	pathJWKS      = "/jwks"
)

// Lifetimes that are not the centre's to choose.
const (
	sessionIdle     = 30 * time.Minute
	authCodeLife    = time.Minute
	accessTokenLife = time.Hour
	idTokenLife     = 10 * time.Minute
	grantLife       = 12 * time.Hour // longer than any exam day
)

// Policy is what the centre may choose.
type Policy struct {
	CodeValid  time.Duration // of a one-time code, as told to the student
	CodeGrace  time.Duration // on top, silently, for slow fingers
	CodeResend time.Duration // least time between two codes

	CodeTries     int           // wrong tries of one code
	CodeFailures  int           // wrong codes of one subject and class within Window
	Passwords     int           // wrong passwords of one subject and class within Window
	Sends         int           // codes sent to one subject and class within Window
	Window        time.Duration // over which limits count
	RequireNonce  bool          // answer use_dpop_nonce (RFC 9449 §8)
	EnrolLoopback bool          // demonstration: any key first seen from loopback is a known tablet
}

// DefaultPolicy is protocol's.
func DefaultPolicy() Policy {
	return Policy{
		CodeValid: 180 * time.Second, CodeGrace: 15 * time.Second, CodeResend: 30 * time.Second,
		CodeTries: 5, CodeFailures: 10, Passwords: 10, Sends: 5, Window: 15 * time.Minute,
		RequireNonce: true,
	}
}

// Deps is what a Service works with; every member is needed.
type Deps struct {
	Issuer   string // https://host:port, no trailing slash
	ClientID string // the one client
	SetupURI string // where a password is created
	Zone     *time.Location
	Policy   Policy

	DB     *store.DB
	Keys   *keys.Ring
	Hasher *password.Hasher
	Mails  *mail.Queue
	Now    func() time.Time
	Log    *slog.Logger
}

// Service answers the protocol. It is safe for concurrent use.
type Service struct {
	Deps
	nonces *nonces
	seen   *replays
	signer *signer
}

// New returns a Service.
func New(d Deps) (*Service, error) {
	s, err := newSigner(d.Keys.Signing())
	if err != nil {
		return nil, err
	}
	return &Service{Deps: d, nonces: newNonces(d), seen: newReplays(), signer: s}, nil
}

// Routes mounts the endpoints.
func (s *Service) Routes(mux *http.ServeMux) error {
	if err := s.metadata(mux); err != nil {
		return err
	}
	mux.HandleFunc(pathChallenge, s.post(s.challenge))
	mux.HandleFunc(pathToken, s.post(s.token))
	mux.HandleFunc(pathRevoke, s.post(s.revoke))
	return nil
}

// Purge forgets what has no further use.
func (s *Service) Purge(ctx context.Context) (p store.Purged, err error) {
	s.seen.sweep(s.Now())
	err = s.DB.Write(ctx, func(tx *store.Tx) error {
		p, err = Purge(tx, s.Now())
		return err
	})
	return p, err
}

// Purge is the same for a command without a Service.
func Purge(tx *store.Tx, now time.Time) (store.Purged, error) {
	return tx.Purge(now, now.Add(-sessionIdle), now.Add(-24*time.Hour))
}

// token is an opaque secret: 256 bits for the client, its hash for the database.
type token struct {
	text string
	hash []byte
}

func newToken() token {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // never fails (crypto/rand)
	t := base64.RawURLEncoding.EncodeToString(raw)
	return token{t, hashOf(t)}
}

// hashOf is what the database knows of a secret: 256 random bits need no salt.
func hashOf(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}
