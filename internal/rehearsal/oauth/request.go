package oauth

import (
	"context"
	"errors"
	"mime"
	"net"
	"net/http"
	"net/url"
	"unicode/utf8"

	"portillon/internal/dpop"
	"portillon/internal/rehearsal/store"
	"portillon/internal/wire"
)

// maxForm bounds a request's body.
const maxForm = 16 << 10

// request is a POST whose form and proof are in order.
type request struct {
	ctx      context.Context
	form     url.Values
	jkt      string // thumbprint of the key that signed the proof
	proof    dpop.Proof
	loopback bool
}

func (r *request) get(field string) string { return r.form.Get(field) }

// post wraps a step: shape of the form, proof, client; and writes its reply.
func (s *Service) post(step func(*request) (reply, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, hr *http.Request) {
		w.Header().Set(wire.HeaderDPoPNonce, s.nonces.current())
		r, err := s.admit(w, hr)
		var out reply
		if err == nil {
			out, err = step(r)
		}
		if err != nil {
			out = s.failure(hr.Context(), err)
		}
		out.write(w, s.Log)
		note(hr.Context(), out)
	}
}

func (s *Service) admit(w http.ResponseWriter, hr *http.Request) (*request, error) {
	form, err := readForm(w, hr)
	if err != nil {
		return nil, err
	}
	proof, err := s.prove(hr)
	if err != nil {
		return nil, err
	}
	if form.Get(wire.FieldClientID) != s.ClientID {
		return nil, refuse(wire.ErrorInvalidClient, "unknown client_id")
	}
	host, _, err := net.SplitHostPort(hr.RemoteAddr)
	ip := net.ParseIP(host)
	return &request{
		ctx: hr.Context(), form: form, jkt: proof.Thumbprint, proof: proof,
		loopback: err == nil && ip != nil && ip.IsLoopback(),
	}, nil
}

// readForm reads the body alone: a secret in a URL is refused before it is used.
func readForm(w http.ResponseWriter, hr *http.Request) (url.Values, error) {
	if hr.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return nil, &problem{status: http.StatusMethodNotAllowed, code: wire.ErrorInvalidRequest, why: "POST only"}
	}
	if hr.URL.RawQuery != "" {
		return nil, refuse(wire.ErrorInvalidRequest, "no parameters in the URL")
	}
	media, _, err := mime.ParseMediaType(hr.Header.Get("Content-Type"))
	if err != nil || media != "application/x-www-form-urlencoded" {
		return nil, refuse(wire.ErrorInvalidRequest, "wanted application/x-www-form-urlencoded")
	}
	hr.Body = http.MaxBytesReader(w, hr.Body, maxForm)
	if err := hr.ParseForm(); err != nil {
		var big *http.MaxBytesError
		if errors.As(err, &big) {
			return nil, &problem{status: http.StatusRequestEntityTooLarge, code: wire.ErrorInvalidRequest, why: "form too large"}
		}
		return nil, refuse(wire.ErrorInvalidRequest, "form cannot be read")
	}
	for _, values := range hr.PostForm {
		if len(values) != 1 { // RFC 6749 §3.2
			return nil, refuse(wire.ErrorInvalidRequest, "a parameter is repeated")
		}
		if !utf8.ValidString(values[0]) {
			return nil, refuse(wire.ErrorInvalidRequest, "not UTF-8")
		}
	}
	return hr.PostForm, nil
}

// prove checks the DPoP proof: signature and claims, then nonce, then replay. A
// proof refused for its nonce is not remembered, so that nothing fills the memory
// without a key and a fresh nonce.
func (s *Service) prove(hr *http.Request) (dpop.Proof, error) {
	headers := hr.Header.Values(wire.HeaderDPoP)
	if len(headers) != 1 {
		return dpop.Proof{}, refuse(wire.ErrorInvalidDPoPProof, "wanted exactly one DPoP header")
	}
	now := s.Now()
	proof, err := dpop.Verify(headers[0], dpop.Want{
		Method: hr.Method, URL: s.Issuer + hr.URL.Path, Now: now, Leeway: proofLeeway,
	})
	switch {
	case errors.Is(err, dpop.ErrStale):
		return dpop.Proof{}, refuse(wire.ErrorInvalidDPoPProof, "the proof's time is too far from now")
	case err != nil:
		return dpop.Proof{}, refuse(wire.ErrorInvalidDPoPProof, "the proof does not verify")
	}
	if (s.Policy.RequireNonce || proof.Nonce != "") && !s.nonces.valid(proof.Nonce) {
		return dpop.Proof{}, refuse(wire.ErrorUseDPoPNonce, "use the nonce in DPoP-Nonce")
	}
	switch s.seen.add(proof, now) {
	case replayed:
		return dpop.Proof{}, errReplayed()
	case full:
		return dpop.Proof{}, busy()
	case fresh:
	}
	return proof, nil
}

// unknownClients is the class under which all keys that nobody enrolled are
// counted together.
const unknownClients = "*"

// class says whom limits count a key under, and whether the key is a known tablet's.
func (s *Service) class(tx *store.Tx, r *request) (class string, known bool, err error) {
	state, err := tx.Tablet(r.jkt)
	if err != nil {
		return "", false, err
	}
	if state == store.TabletUnseen && s.Policy.EnrolLoopback && r.loopback {
		if err := tx.EnrolTablet(r.jkt, "démonstration", s.Now()); err != nil {
			return "", false, err
		}
		state = store.TabletEnrolled
	}
	if state == store.TabletEnrolled {
		return "tablet " + r.jkt, true, nil
	}
	return unknownClients, false, nil
}
