// Package oauth is the identity service proper: the endpoints by which a tablet
// logs a student in, as package wire spells them. The service's doorway mounts
// Handler; nothing else calls it.
//
//	GET  /.well-known/oauth-authorization-server   metadata        RFC 8414
//	GET  /jwks                                     metadata        RFC 7517
//	POST /challenge                                challenge       OAuth for First-Party Applications
//	       login_hint   → identify   → credentials_required
//	       password     → password   → authorization_code
//	       otp_channel  → sendCode   → otp_required
//	       otp          → checkCode  → authorization_code
//	POST /token                                    token           RFC 6749, PKCE RFC 7636, DPoP RFC 9449
//	POST /revoke                                   revoke          RFC 7009
//
// A POST passes, in this order: shape of the form, DPoP proof (signature, nonce,
// replay), client, then one database transaction that moves the auth_session under
// a new name and takes the step. A password takes two, with the slow hash between:
// the failure is counted in the first and forgiven in the second, so that no
// number of concurrent guesses gets past the limit. Transactions are store.Step's: where
// several processes serve, many run at once, and what one has decided on no other decides
// on before it has ended.
//
// Nobody learns who exists. For an address without a usable account, an unknown
// client gets a session that belongs to nobody (a phantom): limits count, codes are
// made and stored, a dummy hash is computed, a mail is queued and dropped unsent. It
// goes through the same code as a real one and differs in Session.AccountID
// alone, which is compared at the very end.
package oauth
