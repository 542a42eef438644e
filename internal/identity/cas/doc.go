// Package cas is the identity adapter for Apereo CAS, over the web pages that it shows to
// browsers: no change of the server is assumed. The kiosk, preflight and doctor use it
// through identity.Provider; beside Config and New only UnexpectedPage is exported.
//
//	Begin ──→ GET  /login?service=… or /oauth2.0/authorize?…   a page; its forms say what it is
//	          POST username                                    where the page asks for that alone
//	Answer ─→ POST selection=PASSWORD, POST password           ┐ redirect: granted
//	          POST selection=TOKEN                             │ the same page again: wrong
//	          POST token                                       ┘ anything else: refused
//	grant ──→ mode oauth: …/callbackAuthorize, …/authorize, code, /oauth2.0/accessToken, /profile
//	          mode service: the service's address with its ticket, which is never fetched
//	Renew ──→ the same once more, with the session cookie instead of a person
//	Revoke ─→ GET  /logout
//	Check ──→ the first page
//
// page.go reads a page and says which one it is by the fields of its forms alone: themes and
// languages change everything else. What it does not know is an UnexpectedPage, and nothing
// is ever submitted to it. browser.go follows redirects by hand, within the CAS alone.
//
// A page belongs to a flow that CAS may have forgotten when a student is done typing. So
// an old page is never given a secret: the way to the page is gone again first, which takes no
// secret and is seen by nobody. A new code is always asked for in a flow of its own.
//
// What CAS does not tell, nobody invents: no tries left, no time a code lives (the
// configuration says it), and nothing that tells a wrong code from one that has expired, been used
// or been replaced.
package cas
