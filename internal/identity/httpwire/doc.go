// Package httpwire is how identity adapters reach their one service: TLS with pinned
// keys, no proxy, no redirect, bounded answers, errors that tell what stands in the
// way, and secrets that are nowhere but in locked pages. The adapters (fipa, kratos, cas) alone
// import it; it knows no protocol above HTTP.
//
//	adapter ─Request→ Link.Send ──→ net/http ──→ conn.go ──→ TLS (tls.go)
//	                    │                          the secret joins the bytes here
//	                    ├→ answer.go: status, header, bounded body
//	                    └→ neterr.go: no answer → Kind
//
// Strings, url.Values, bufio and crypto/tls all leave copies of what they carry for the
// garbage collector to find some day. So a request is built with a placeholder as long
// as the percent-encoded secret, and conn puts the secret in its place underneath
// net/http, one byte a TLS record. A request is sent once: net/http is given bodies it cannot rewind,
// and whoever wants a repetition calls Send again.
package httpwire
