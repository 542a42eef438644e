package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"portillon/internal/e2e/hands"
	"portillon/internal/identity"
	"portillon/internal/login"
)

// spoil has a fault answer instead of the service, from the next request on.
func (r *room) spoil(f faulty) { r.wire.fault.Store(&f) }

// mend takes the fault away.
func (r *room) mend() { r.wire.fault.Store(nil) }

// onPath is a fault of one endpoint.
func onPath(path string, answer http.HandlerFunc) faulty {
	return func(w http.ResponseWriter, req *http.Request) bool {
		if req.URL.Path != path {
			return false
		}
		answer(w, req)
		return true
	}
}

// say writes an answer. The tablet may have hung up on a long one.
func say(w http.ResponseWriter, kind, body string) {
	w.Header().Set("Content-Type", kind)
	_, _ = io.WriteString(w, body)
}

// badAnswers are answers that are not the protocol's.
func badAnswers() map[identity.Kind][]http.HandlerFunc {
	return map[identity.Kind][]http.HandlerFunc{
		identity.UnexpectedAnswer: {
			func(w http.ResponseWriter, _ *http.Request) { say(w, "application/json", "Bonjour.") },
			func(w http.ResponseWriter, _ *http.Request) {
				say(w, "application/json", `{"error":"`+strings.Repeat("x", 10<<20)+`"}`)
			},
			func(w http.ResponseWriter, req *http.Request) {
				http.Redirect(w, req, "https://192.0.2.1/login", http.StatusFound)
			},
		},
		identity.ConnectionLost: {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			say(w, "application/json", `{"error":"insuff`)
			if f, ok := w.(http.Flusher); ok {
				f.Flush()
			}
			panic(http.ErrAbortHandler)
		}},
		identity.CaptivePortal: {func(w http.ResponseWriter, _ *http.Request) {
			say(w, "text/html; charset=utf-8", "<!doctype html><title>Wi-Fi</title><form>")
		}},
	}
}

// shortCodes are what is read out on the phone.
func shortCodes() map[identity.Kind]string {
	return map[identity.Kind]string{identity.UnexpectedAnswer: "S3", identity.ConnectionLost: "N6", identity.CaptivePortal: "N7",
		identity.Misconfigured: "S4", identity.ClockWrong: "N9"}
}

func faultScreen(kind identity.Kind, resends, final bool) login.View {
	v := troubleScreen(kind, resends)
	v.Trouble.Code, v.Trouble.Final = shortCodes()[kind], final
	if final {
		v.Trouble.RetryIn = 0
	}
	return v
}

// TestBadAnswers: what answers is not the service's JSON. Each has its sentence; the address
// stands, and the login goes on by itself once the service answers. With a password the
// screen goes back to the field, where it still is.
func TestBadAnswers(t *testing.T) {
	r := enter(t, func(s *settings) { s.wire = true })
	people := []person{camille, hugo, claire, agnes, zoe}
	for kind, answers := range badAnswers() {
		for _, answer := range answers {
			p := people[0]
			people = people[1:]
			r.spoil(onPath("/challenge", answer))
			r.write(p.address)
			r.press(hands.Return)
			r.on("trouble")
			r.outcome(kind.String())
			r.see(faultScreen(kind, true, false))
			r.mend()
			r.within(40*time.Second, "password")
			r.see(passwordScreen(p))
			r.press(hands.Escape)
			r.on("email")
			r.see(emailScreen(p.address))
			for range p.address {
				r.press(hands.BackSpace)
			}
			r.see(emailScreen(""))
		}
	}
	r.write(camille.address)
	r.press(hands.Return)
	r.on("password")
	r.see(passwordScreen(camille))
	r.write(camille.password)
	r.spoil(onPath("/challenge", badAnswers()[identity.CaptivePortal][0]))
	r.press(hands.Return)
	r.on("trouble")
	r.see(faultScreen(identity.CaptivePortal, false, false))
	r.mend()
	r.on("password")
	r.see(passwordScreen(camille, fault("error.password.unsent", 0)))
	r.press(hands.Return)
	r.connect()
}

// TestBadMetadata: a service whose own description does not fit gets no address.
func TestBadMetadata(t *testing.T) {
	const path = "/.well-known/oauth-authorization-server"
	for name, change := range map[string]func(map[string]any){
		"another issuer": func(m map[string]any) { m["issuer"] = "https://auth.example" },
		"no S256":        func(m map[string]any) { m["code_challenge_methods_supported"] = []string{"plain"} },
	} {
		t.Run(name, func(t *testing.T) {
			r := prepare(t, func(s *settings) { s.wire = true })
			r.spoil(r.altered(path, change))
			r.switchOn()
			r.on("email")
			r.see(emailScreen(""))
			r.write(camille.address)
			r.press(hands.Return)
			r.on("trouble")
			r.outcome("misconfigured")
			r.see(faultScreen(identity.Misconfigured, true, true))
			if sent := r.wire.to("/challenge"); len(sent) > 0 {
				t.Errorf("it was told an address: %q", sent[0].fields())
			}
			r.mend()
			r.press(hands.Escape)
			r.on("email")
			r.see(emailScreen(camille.address))
			r.press(hands.Return)
			r.on("password")
			r.see(passwordScreen(camille))
		})
	}
}

// altered passes an answer of the service on with something changed.
func (r *room) altered(path string, change func(map[string]any)) faulty {
	return onPath(path, func(w http.ResponseWriter, req *http.Request) {
		rec := httptest.NewRecorder()
		r.wire.behind.ServeHTTP(rec, req)
		var doc map[string]any
		if err := json.Unmarshal(rec.Body.Bytes(), &doc); err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		change(doc)
		b, err := json.Marshal(doc)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		say(w, "application/json", string(b))
	})
}

// TestClockAnHourOff: the service lives an hour and a half later, and its certificate is
// good there. It is the tablet's clock that is wrong, and that is what is said.
func TestClockAnHourOff(t *testing.T) {
	r := prepare(t, func(s *settings) { s.wire = true })
	now := r.wire.cert.Load()
	r.wire.cert.Store(&r.wire.later)
	r.spoil(func(w http.ResponseWriter, req *http.Request) bool {
		w.Header().Set("Date", time.Now().Add(90*time.Minute).UTC().Format(http.TimeFormat))
		return false
	})
	r.switchOn()
	r.on("email")
	r.see(emailScreen(""))
	r.write(camille.address)
	r.press(hands.Return)
	r.on("trouble")
	r.outcome("clock_wrong")
	r.see(faultScreen(identity.ClockWrong, true, false))
	r.wire.cert.Store(now)
	r.mend()
	r.within(40*time.Second, "password")
	r.see(passwordScreen(camille))
}
