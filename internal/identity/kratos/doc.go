// Package kratos is the identity adapter for Ory Kratos, over its flows for native
// clients. The kiosk, preflight and doctor use it through identity.Provider; nothing
// else is exported but Config and New.
//
//	Begin ──→ GET  /self-service/login/api          a flow; its nodes name the methods
//	          POST /self-service/login  method=identifier_first   where the flow asks so
//	Answer ─→ POST /self-service/login  method=password           ┐ 200: a session
//	          POST /self-service/login  method=code               │ 400: the next step, or
//	          POST /self-service/login  method=code code=…        ┘      what was wrong
//	Renew ──→ GET  /sessions/whoami                 410: the flow or the code has run out
//	Revoke ─→ DELETE /self-service/logout/api
//	Check ──→ GET  /self-service/login/api
//
// answer.go decides by the numbers of Kratos's messages, the flow's state and its nodes'
// groups, never by a status alone and never by words (but for one message, whose number
// says nothing). Forms are sent as forms, because a secret joins them on the wire
// (httpwire); Kratos takes forms and JSON alike.
//
// What Kratos does not tell, nobody invents: no tries left, no time a code lives (the
// configuration says it), no sign that a code was replaced by a newer one.
package kratos
