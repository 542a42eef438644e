package fipa

import (
	"context"
	"slices"
	"time"

	"portillon/internal/dpop"
	"portillon/internal/identity"
	"portillon/internal/wire"
)

const opDiscover = "discover"

// metadata is the cached discovery document, fetched over l where there is none
// yet. Check refreshes it.
func (p *Provider) metadata(ctx context.Context, l *link) (*wire.Metadata, error) {
	if doc := p.doc.Load(); doc != nil {
		return doc, nil
	}
	doc, _, err := p.discover(ctx, l)
	return doc, err
}

// discover fetches and checks the document (RFC 8414 §3), and tells the service's Date.
func (p *Provider) discover(ctx context.Context, l *link) (*wire.Metadata, time.Time, error) {
	a, err := l.get(ctx, opDiscover, p.cfg.Issuer+wire.MetadataPath)
	if err != nil {
		return nil, time.Time{}, err
	}
	if err := a.object(opDiscover); err != nil {
		return nil, a.Date(), err
	}
	if a.w.Error != "" {
		return nil, a.Date(), a.failure(opDiscover)
	}
	if a.Status != 200 {
		return nil, a.Date(), a.Fail(opDiscover, identity.ServiceUnavailable, "no discovery document")
	}
	doc := new(wire.Metadata)
	if !a.Object(doc) {
		return nil, a.Date(), a.Fail(opDiscover, identity.UnexpectedAnswer, "not a discovery document")
	}
	if why := p.unsuitable(doc); why != "" {
		return nil, a.Date(), a.Fail(opDiscover, identity.Misconfigured, why)
	}
	p.doc.Store(doc)
	return doc, a.Date(), nil
}

// unsuitable says why this tablet cannot work with doc; "" where it can.
func (p *Provider) unsuitable(doc *wire.Metadata) string {
	if doc.Issuer != p.cfg.Issuer {
		return "another issuer" // byte for byte: RFC 8414 §3.3
	}
	if !slices.Contains(doc.CodeChallengeMethodsSupported, wire.MethodS256) {
		return "no PKCE with S256"
	}
	if algs := doc.DPoPSigningAlgValuesSupported; len(algs) > 0 && !slices.Contains(algs, dpop.Algorithm) {
		return "no DPoP with ES256"
	}
	for _, e := range []struct {
		name, url string
		needed    bool
	}{
		{"authorization_challenge_endpoint", doc.AuthorizationChallengeEndpoint, true},
		{"token_endpoint", doc.TokenEndpoint, true},
		{"revocation_endpoint", doc.RevocationEndpoint, false},
		{"jwks_uri", doc.JWKSURI, p.openid},
	} {
		if e.url == "" && !e.needed {
			continue
		}
		if !p.http.SameOrigin(e.url) {
			return e.name + " is absent or on another host" // the tablet may dial no other
		}
	}
	return ""
}
