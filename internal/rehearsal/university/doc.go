// Package university is the portal's side of a student's own university: which ones
// there are, and how one of them says who somebody is. The portal calls it; it knows no
// account, no session and no page.
//
//	Directory   Search, Near (names easily confused), ByAddress
//	Party       an OpenID Connect relying party (Core 1.0 §3.1):
//	              Begin  → Attempt, address of the university's sign-in page
//	                       code flow, PKCE S256 (RFC 7636), state, nonce
//	              Finish → Assertion: the address the university asserts
//
// Each university comes back to a redirect URI of its own, and where it names itself in
// the answer (RFC 9207) that is checked: an answer of one cannot be passed off as
// another's (RFC 9700 §4.4). A university speaks for addresses in its own domains only.
package university
