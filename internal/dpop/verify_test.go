package dpop

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// forge signs any payload with any header: what a hostile client can do.
type forge struct {
	alg     jose.SignatureAlgorithm
	key     any
	typ     string
	embed   bool
	payload string
}

func (f forge) sign(t testing.TB) string {
	t.Helper()
	opts := &jose.SignerOptions{EmbedJWK: f.embed}
	if f.typ != "" {
		opts.WithType(jose.ContentType(f.typ))
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: f.alg, Key: f.key}, opts)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := s.Sign([]byte(f.payload))
	if err != nil {
		t.Fatal(err)
	}
	out, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

const goodPayload = `{"jti":"0123456789abcdef","htm":"POST","htu":"https://server.example.com/token","iat":1800000000}`

func wantGood() Want {
	return Want{Method: "POST", URL: rfcURL, Now: testNow, Leeway: time.Minute}
}

func TestVerifyRefuses(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	good := forge{jose.ES256, ec, Type, true, goodPayload}
	if _, err := Verify(good.sign(t), wantGood()); err != nil {
		t.Fatalf("the good one: %v", err)
	}
	with := func(old, new string) forge {
		f := good
		f.payload = strings.Replace(f.payload, old, new, 1)
		if f.payload == goodPayload {
			t.Fatalf("%q is not there to replace", old)
		}
		return f
	}
	for name, c := range map[string]struct {
		f    forge
		want error
	}{
		"another typ":        {forge{jose.ES256, ec, "JWT", true, goodPayload}, ErrInvalid},
		"no typ":             {forge{jose.ES256, ec, "", true, goodPayload}, ErrInvalid},
		"no jwk":             {forge{jose.ES256, ec, Type, false, goodPayload}, ErrInvalid},
		"ES384":              {forge{jose.ES384, p384, Type, true, goodPayload}, ErrInvalid},
		"EdDSA":              {forge{jose.EdDSA, ed, Type, true, goodPayload}, ErrInvalid},
		"HMAC":               {forge{jose.HS256, []byte(strings.Repeat("k", 32)), Type, false, goodPayload}, ErrInvalid},
		"not an object":      {forge{jose.ES256, ec, Type, true, `[]`}, ErrInvalid},
		"short jti":          {with("0123456789abcdef", "0123456789abcde"), ErrInvalid},
		"long jti":           {with("0123456789abcdef", strings.Repeat("j", 257)), ErrInvalid},
		"no htm":             {with(`"htm":"POST",`, ""), ErrInvalid},
		"htm in lower case":  {with("POST", "post"), ErrInvalid},
		"another path":       {with("/token", "/other"), ErrInvalid},
		"another scheme":     {with("https:", "http:"), ErrInvalid},
		"no htu":             {with(`"htu"`, `"hta"`), ErrInvalid},
		"no iat":             {with(`,"iat":1800000000`, ""), ErrInvalid},
		"iat as string":      {with("1800000000", `"1800000000"`), ErrInvalid},
		"iat negative":       {with("1800000000", "-1"), ErrInvalid},
		"iat huge":           {with("1800000000", "1e300"), ErrInvalid},
		"iat old":            {with("1800000000", "1799999939"), ErrStale},
		"iat ahead":          {with("1800000000", "1800000061"), ErrStale},
		"duplicate member":   {with(`"htm"`, `"htm":"GET","htm"`), ErrInvalid},
		"member in capitals": {with(`"htm"`, `"HTM"`), ErrInvalid},
		"long nonce":         {with(`{`, `{"nonce":"`+strings.Repeat("n", 1025)+`",`), ErrInvalid},
		"too long":           {with(`{`, `{"x":"`+strings.Repeat("x", 9000)+`",`), ErrInvalid},
	} {
		if _, err := Verify(c.f.sign(t), wantGood()); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
}

func TestVerifyRefusesPrivateKeyAndTampering(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	proof := forge{jose.ES256, ec, Type, true, goodPayload}.sign(t)
	parts := strings.Split(proof, ".")

	private, err := json.Marshal(map[string]any{
		"alg": Algorithm, "typ": Type, "jwk": jose.JSONWebKey{Key: ec},
	})
	if err != nil {
		t.Fatal(err)
	}
	payload := base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(goodPayload, "POST", "GET", 1)))
	for name, p := range map[string]string{
		"private jwk":     base64.RawURLEncoding.EncodeToString(private) + "." + parts[1] + "." + parts[2],
		"another payload": parts[0] + "." + payload + "." + parts[2],
		"no signature":    parts[0] + "." + parts[1] + ".",
		"alg none":        base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"dpop+jwt"}`)) + "." + parts[1] + ".",
		"two proofs":      proof + "," + proof,
		"empty":           "",
	} {
		if _, err := Verify(p, wantGood()); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzVerify(f *testing.F) {
	k := newKey(f)
	own, err := k.Proof(Params{Method: "POST", URL: rfcURL, Nonce: "n"}, testNow)
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{own, rfcProof, rfcResourceProof, "", "..", "a.b.c", `{"payload":""}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, proof string) {
		got, err := Verify(proof, wantGood())
		if err != nil {
			if !errors.Is(err, ErrInvalid) && !errors.Is(err, ErrStale) {
				t.Errorf("untyped error %v", err)
			}
			if got != (Proof{}) {
				t.Error("a refused proof says something")
			}
			return
		}
		// Whatever passes has the shape callers index by.
		if len(got.Thumbprint) != 43 || len(got.JTI) < minJTI || len(got.JTI) > maxJTI {
			t.Errorf("accepted %+v", got)
		}
	})
}
