// Package wire holds the words of the login protocol: the names of form
// fields, JSON members, error and suberror codes that travel between the tablet
// and the identity service.
//
// The core is OAuth 2.0 for First-Party Applications
// (draft-ietf-oauth-first-party-apps-04); the password and one-time-code fields
// are this project's profile of it. The fipa adapter writes what the
// rehearsal service reads, and both take the spelling from here; the package
// has no behaviour and imports nothing.
//
// One login on the wire:
//
//	GET  /.well-known/oauth-authorization-server   Metadata (RFC 8414)
//	POST authorization_challenge_endpoint          login_hint      → credentials_required
//	POST authorization_challenge_endpoint          password        → Granted
//	  or POST … otp_channel=email                                  → otp_required
//	     POST … otp                                                → Granted
//	POST token_endpoint                            code            → tokens (RFC 6749 §4.1.3)
//	POST revocation_endpoint                       token           (RFC 7009)
package wire

// MetadataPath is where a service publishes its Metadata, under the issuer
// (RFC 8414 §3). Issuers with a path component are not used by this profile.
const MetadataPath = "/.well-known/oauth-authorization-server"

// Metadata is the discovery document (RFC 8414 §2 and the draft's §9), reduced
// to the members this profile reads.
type Metadata struct {
	Issuer                         string   `json:"issuer"`
	AuthorizationChallengeEndpoint string   `json:"authorization_challenge_endpoint"`
	TokenEndpoint                  string   `json:"token_endpoint"`
	RevocationEndpoint             string   `json:"revocation_endpoint"`
	JWKSURI                        string   `json:"jwks_uri"`
	ResponseTypesSupported         []string `json:"response_types_supported,omitempty"`
	GrantTypesSupported            []string `json:"grant_types_supported,omitempty"`
	ScopesSupported                []string `json:"scopes_supported,omitempty"`
	CodeChallengeMethodsSupported  []string `json:"code_challenge_methods_supported"`
	DPoPSigningAlgValuesSupported  []string `json:"dpop_signing_alg_values_supported"`
	TokenEndpointAuthMethods       []string `json:"token_endpoint_auth_methods_supported,omitempty"`
}

// Form fields of a request to the authorization challenge endpoint.
const (
	FieldClientID            = "client_id"
	FieldResponseType        = "response_type"
	FieldAuthSession         = "auth_session"
	FieldLoginHint           = "login_hint"
	FieldScope               = "scope"
	FieldCodeChallenge       = "code_challenge"
	FieldCodeChallengeMethod = "code_challenge_method"
	FieldPassword            = "password"
	FieldOTPChannel          = "otp_channel"
	FieldOTP                 = "otp"

	ResponseTypeCode = "code"
	MethodS256       = "S256"
	ChannelEmail     = "email"
)

// Header names.
const (
	HeaderDPoP      = "DPoP"
	HeaderDPoPNonce = "DPoP-Nonce"
	// HeaderCorrelation carries the service's identifier of one request, shown to
	// the invigilator with «service indisponible».
	HeaderCorrelation = "X-Correlation-Id"
)

// TokenTypeDPoP is the token_type of a DPoP-bound access token (RFC 9449 §5).
const TokenTypeDPoP = "DPoP"

// Values of the error member. The first group is the draft's and RFC 6749's,
// use_dpop_nonce and invalid_dpop_proof are RFC 9449's.
const (
	ErrorInsufficientAuthorization = "insufficient_authorization"
	ErrorInvalidSession            = "invalid_session"
	ErrorRedirectToWeb             = "redirect_to_web"
	ErrorInvalidRequest            = "invalid_request"
	ErrorInvalidClient             = "invalid_client"
	ErrorUnauthorizedClient        = "unauthorized_client"
	ErrorInvalidScope              = "invalid_scope"
	ErrorInvalidGrant              = "invalid_grant"
	ErrorUnsupportedGrantType      = "unsupported_grant_type"
	ErrorServerError               = "server_error"
	ErrorTemporarilyUnavailable    = "temporarily_unavailable"
	ErrorUseDPoPNonce              = "use_dpop_nonce"
	ErrorInvalidDPoPProof          = "invalid_dpop_proof"
)

// Values of the suberror member, this profile's own.
const (
	SubCredentialsRequired  = "credentials_required"
	SubAccountNotConfigured = "account_not_configured"
	SubAccountUnknown       = "account_unknown"
	SubInvalidCredentials   = "invalid_credentials"
	SubOTPRequired          = "otp_required"
	SubInvalidOTP           = "invalid_otp"
	SubOTPExpired           = "otp_expired"
	SubOTPUsed              = "otp_used"
	SubOTPSuperseded        = "otp_superseded"
	SubTooManyAttempts      = "too_many_attempts"
)

// Values of the methods member of credentials_required.
const (
	MethodPassword  = "password"
	MethodEmailCode = "email_code"
)

// Answer is every JSON object of the challenge endpoint: a grant when
// AuthorizationCode is set, an error otherwise. Durations are whole seconds.
// Pointers tell an absent member from a zero.
type Answer struct {
	AuthorizationCode string `json:"authorization_code,omitempty"`
	AuthSession       string `json:"auth_session,omitempty"`

	Error            string `json:"error,omitempty"`
	ErrorDescription string `json:"error_description,omitempty"`
	Suberror         string `json:"suberror,omitempty"`

	Methods           []string `json:"methods,omitempty"`
	SetupURI          string   `json:"setup_uri,omitempty"`
	RemainingAttempts *int     `json:"remaining_attempts,omitempty"`
	RetryAfter        *int     `json:"retry_after,omitempty"`
	OTPLength         *int     `json:"otp_length,omitempty"`
	OTPExpiresIn      *int     `json:"otp_expires_in,omitempty"`
	OTPResendAfter    *int     `json:"otp_resend_after,omitempty"`
	OTPTarget         string   `json:"otp_target,omitempty"`
}

// Bounds every reader of an answer keeps.
const (
	// MaxAnswerBytes is the largest answer read; a longer one is an error.
	MaxAnswerBytes = 64 << 10
	// MaxAnswerSeconds bounds one request and its answer.
	MaxAnswerSeconds = 10
)

// ClaimExtraTime is the id_token claim of the cockpit's «Majoration de temps»:
// absent, or "1/3".
const ClaimExtraTime = "extra_time"
