package oauth

import (
	"encoding/json"
	"net/http"

	"portillon/internal/dpop"
	"portillon/internal/wire"
)

// metadata mounts the two documents that anyone may read. Both bring a nonce, as every answer
// does (RFC 9449 §8.2), so that a client's first proof need not be made twice.
func (s *Service) metadata(mux *http.ServeMux) error {
	doc, err := json.Marshal(wire.Metadata{
		Issuer:                         s.Issuer,
		AuthorizationChallengeEndpoint: s.Issuer + pathChallenge,
		TokenEndpoint:                  s.Issuer + pathToken,
		RevocationEndpoint:             s.Issuer + pathRevoke,
		JWKSURI:                        s.Issuer + pathJWKS,
		ResponseTypesSupported:         []string{wire.ResponseTypeCode},
		GrantTypesSupported:            []string{grantCode, grantRefresh},
		ScopesSupported:                []string{scopeOpenID, scopeProfile, scopeOffline},
		CodeChallengeMethodsSupported:  []string{wire.MethodS256},
		DPoPSigningAlgValuesSupported:  []string{dpop.Algorithm},
		TokenEndpointAuthMethods:       []string{"none"},
	})
	if err != nil {
		return errWrap("metadata", err)
	}
	set, err := json.Marshal(s.Keys.Public())
	if err != nil {
		return errWrap("jwks", err)
	}
	for path, body := range map[string][]byte{wire.MetadataPath: doc, pathJWKS: set} {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Cache-Control", "no-store") // the nonce's, too
			w.Header().Set(wire.HeaderDPoPNonce, s.nonces.current())
			_, _ = w.Write(body) // the client hung up: nothing to do
		})
	}
	return nil
}
