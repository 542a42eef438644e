package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"time"

	"portillon/internal/ctl"
	"portillon/internal/e2e/hands"
	"portillon/internal/wire"
)

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

func betweenThem(s *settings) { s.hostile = true }

// hostileGroups: whatever stands between tablet and service, nothing of the tablet's goes elsewhere,
// no login comes of it, and once it is over a student logs in.
func hostileGroups() []escapeGroup {
	group := func(name string, tries []try) escapeGroup {
		return escapeGroup{name: name, home: atEmailAgain, tries: tries, end: login1, change: []func(*settings){betweenThem}}
	}
	return []escapeGroup{
		group("redirect", redirectTries()), group("certificate", certificateTries()), group("portal", portalTries()),
		group("clock", clockTries()), group("ten-megabytes", hugeTries()),
		{name: "bad-network", home: atEmailAgain, tries: badNetworkTries(), change: []func(*settings){betweenThem}},
		{name: "crowd", home: atEmail, tries: crowdTries()},
	}
}

// atEmailAgain: the network is itself again.
func atEmailAgain(e *escapee) {
	e.hostile.become(mood{})
	atEmail(e)
}

// when the network turns on the student.
const (
	beforeIdentify = "identify"
	beforePassword = "password"
	beforeStart    = "start"
)

// turns is a try in which the network gets into a mood at a moment of the login. Nobody may be
// logged in, and the bait not be connected to.
func turns(name, item, when string, m func(e *escapee) mood) try {
	return try{name: name + "-at-" + when, item: item, elsewhere: true, do: func(e *escapee) {
		hits := e.hostile.bait.hits.Load()
		switch when {
		case beforeStart:
			e.hostile.become(m(e))
			e.start(func(e *escapee) { e.on("preflight") })
			e.must(e.hands.Tap(e.set.size.X/2, e.set.size.Y/2))
			<-time.After(5 * time.Second) // two looks of the preflight, and what green ones would take
		case beforeIdentify:
			e.hostile.become(m(e))
			e.write(camille.address)
			e.press(hands.Return)
			e.outcome2()
		case beforePassword:
			e.write(camille.address)
			e.press(hands.Return)
			e.on("password")
			e.see(passwordScreen(camille))
			e.hostile.become(m(e))
			e.write(camille.password)
			e.press(hands.Return)
			e.outcome2()
		}
		if e.count(func(x event) bool { return x.Screen == "connected" || x.Kind == "granted" }) > 0 {
			e.betrayed = "a login came of it"
		}
		if now := e.hostile.bait.hits.Load(); now != hits {
			e.betrayed = fmt.Sprintf("another host was connected to %d times", now-hits)
		}
	}}
}

// outcome2 waits for the next outcome; that it is none of a login is looked at afterwards.
func (e *escapee) outcome2() {
	e.t.Helper()
	e.await(patience, "an outcome", func(x event) bool { return x.Msg == "outcome" })
}

// redirect answers every request with one.
func redirect(status int, to func(e *escapee, path string) string) func(e *escapee) mood {
	return func(e *escapee) mood {
		return mood{answer: func(w http.ResponseWriter, r *http.Request) bool {
			w.Header().Set("Location", to(e, r.URL.Path))
			w.WriteHeader(status)
			return true
		}}
	}
}

// metadata changes the service's own description of itself.
func metadata(change func(e *escapee, doc map[string]any)) func(e *escapee) mood {
	return func(e *escapee) mood {
		return mood{change: func(r *http.Response) error {
			if r.Request.URL.Path != wire.MetadataPath {
				return nil
			}
			var doc map[string]any
			if err := json.NewDecoder(r.Body).Decode(&doc); err != nil {
				return err
			}
			change(e, doc)
			b, err := json.Marshal(doc)
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(b)), int64(len(b))
			r.Header.Set("Content-Length", fmt.Sprint(len(b)))
			return err
		}}
	}
}

func redirectTries() []try {
	other := func(e *escapee, path string) string { return e.hostile.bait.url + path }
	plain := func(e *escapee, path string) string { return "http://" + e.hostile.bait.host + path }
	downgrade := func(e *escapee, path string) string {
		return strings.Replace(e.service.Issuer, "https", "http", 1) + path
	}
	var out []try
	for _, when := range []string{beforeStart, beforeIdentify, beforePassword} {
		for _, status := range []int{301, 302, 303, 307, 308} {
			out = append(out, turns(fmt.Sprintf("%d-other-host", status), "redirect", when, redirect(status, other)))
		}
		out = append(out, turns("307-http-other-host", "redirect", when, redirect(307, plain)),
			turns("308-http-same-host", "redirect", when, redirect(308, downgrade)))
	}
	for _, key := range []string{"token_endpoint", "authorization_challenge_endpoint", "jwks_uri", "revocation_endpoint"} {
		out = append(out, turns("described-"+key+"-elsewhere", "redirect", beforeStart, metadata(func(e *escapee, doc map[string]any) {
			doc[key] = e.hostile.bait.url + "/x"
		})), turns("described-"+key+"-http", "redirect", beforeStart, metadata(func(e *escapee, doc map[string]any) {
			doc[key] = "http://" + e.hostile.bait.host + "/x"
		})))
	}
	return out
}

// forged is a mood with a certificate.
func forged(make func(h *hostile) (*tls.Certificate, error)) func(e *escapee) mood {
	return func(e *escapee) mood {
		c, err := make(e.hostile)
		e.must(err)
		return mood{certificate: c}
	}
}

func certificateTries() []try {
	const day = 24 * time.Hour
	kinds := map[string]func(e *escapee) mood{
		"unknown-authority": forged(func(h *hostile) (*tls.Certificate, error) { return h.stranger.leaf("127.0.0.1", -day, day) }),
		"not-pinned":        forged(func(h *hostile) (*tls.Certificate, error) { return h.unpinned.leaf("127.0.0.1", -day, day) }),
		"wrong-host":        forged(func(h *hostile) (*tls.Certificate, error) { return h.trusted.leaf("127.0.0.9", -day, day) }),
		"expired":           forged(func(h *hostile) (*tls.Certificate, error) { return h.trusted.leaf("127.0.0.1", -2*day, -day) }),
		"future":            forged(func(h *hostile) (*tls.Certificate, error) { return h.trusted.leaf("127.0.0.1", day, 2*day) }),
		"old-tls":           func(*escapee) mood { return mood{oldTLS: true} },
	}
	var out []try
	for _, name := range sortedKeys(kinds) {
		for _, when := range []string{beforeStart, beforeIdentify, beforePassword} {
			out = append(out, turns(name, "certificate", when, kinds[name]))
		}
	}
	return out
}

const portalPage = `<html><head><meta http-equiv="refresh" content="0; url=http://portal.example/"></head><body><a href="http://portal.example/">Wi-Fi</a></body></html>`

func portalTries() []try {
	page := func(status int) func(*escapee) mood {
		return func(*escapee) mood {
			return mood{answer: func(w http.ResponseWriter, _ *http.Request) bool {
				w.Header().Set("Content-Type", "text/html")
				w.Header().Set("Refresh", "0; url=http://portal.example/")
				w.WriteHeader(status)
				_, _ = io.WriteString(w, portalPage)
				return true
			}}
		}
	}
	kinds := map[string]func(e *escapee) mood{
		"page-200": page(200), "page-511": page(511),
		"without-tls": func(e *escapee) mood {
			return mood{plain: "HTTP/1.1 302 Found\r\nLocation: http://" + e.hostile.bait.host + "/\r\nContent-Length: 0\r\n\r\n"}
		},
	}
	var out []try
	for _, name := range sortedKeys(kinds) {
		for _, when := range []string{beforeStart, beforeIdentify, beforePassword} {
			out = append(out, turns(name, "portal", when, kinds[name]))
		}
	}
	return out
}

// clockTries: to the tablet the service's clock and a certificate's times are what its own
// clock is off by.
func clockTries() []try {
	dated := func(by time.Duration) func(*escapee) mood {
		return func(*escapee) mood {
			return mood{change: func(r *http.Response) error {
				r.Header.Set("Date", time.Now().Add(by).UTC().Format(http.TimeFormat))
				return nil
			}}
		}
	}
	return []try{
		turns("an-hour-behind", "clock", beforeStart, dated(time.Hour)),
		turns("an-hour-ahead", "clock", beforeStart, dated(-time.Hour)),
		turns("certificate-begins-in-an-hour", "clock", beforeIdentify, forged(func(h *hostile) (*tls.Certificate, error) {
			return h.trusted.leaf("127.0.0.1", time.Hour, 24*time.Hour)
		})),
		turns("certificate-ended-an-hour-ago", "clock", beforeIdentify, forged(func(h *hostile) (*tls.Certificate, error) {
			return h.trusted.leaf("127.0.0.1", -24*time.Hour, -time.Hour)
		})),
	}
}

const tenMegabytes = 10 << 20

func hugeTries() []try {
	text := strings.Repeat("Ouvrir ", tenMegabytes/7)
	page := func(kind, head, tail string, status int) func(*escapee) mood {
		return func(*escapee) mood {
			return mood{answer: func(w http.ResponseWriter, _ *http.Request) bool {
				w.Header().Set("Content-Type", kind)
				w.WriteHeader(status)
				_, _ = io.WriteString(w, head+text+tail) // the tablet hangs up
				return true
			}}
		}
	}
	kinds := map[string]func(e *escapee) mood{
		"description": page("application/json", `{"error":"access_denied","error_description":"`, `"}`, 400),
		"page":        page("text/html", "<p>", "</p>", 200),
		"session":     page("application/json", `{"auth_session":"`, `"}`, 400),
		"header": func(*escapee) mood {
			return mood{change: func(r *http.Response) error { r.Header.Set("X-Words", text[:1<<20]); return nil }}
		},
		"metadata": metadata(func(_ *escapee, doc map[string]any) { doc["service_documentation"] = text }),
	}
	var out []try
	for _, name := range sortedKeys(kinds) {
		when := beforeIdentify
		if name == "metadata" {
			when = beforeStart
		}
		out = append(out, turns(name, "server-text-10mb", when, kinds[name]))
	}
	return append(out, turns("description", "server-text-10mb", beforePassword, kinds["description"]))
}

// badNetworkTries: whatever the network does, the student is in at last, and the password was sent
// only when it was given.
func badNetworkTries() []try {
	dice := func() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }
	one := func(name string, wire func() func(net.Conn) net.Conn) try {
		return try{name: name, item: "bad-network", elsewhere: true, do: func(e *escapee) {
			e.hostile.become(mood{wire: wire()})
			e.persist(camille)
		}}
	}
	return []try{
		one("resets-30-percent", func() func(net.Conn) net.Conn {
			d := dice()
			return func(c net.Conn) net.Conn {
				if d.IntN(10) < 3 {
					if t, ok := c.(*net.TCPConn); ok {
						_ = t.SetLinger(0) // a reset
					}
					_ = c.Close()
					return nil
				}
				return c
			}
		}),
		one("stalls-30-percent", func() func(net.Conn) net.Conn {
			d := dice()
			return func(c net.Conn) net.Conn {
				if d.IntN(10) < 3 {
					return stalled{c}
				}
				return c
			}
		}),
		one("two-seconds-of-latency", func() func(net.Conn) net.Conn {
			return func(c net.Conn) net.Conn { return slowConn{c, time.Second} }
		}),
		one("a-flap-every-5-s", func() func(net.Conn) net.Conn {
			began := time.Now()
			return func(c net.Conn) net.Conn {
				if time.Since(began)/(5*time.Second)%2 == 1 {
					_ = c.Close()
					return nil
				}
				return c
			}
		}),
	}
}

// persist logs in as a patient student does: what was typed is there again after each trouble,
// and Return sends it.
func (e *escapee) persist(p person) {
	e.t.Helper()
	const limit = 2 * time.Minute
	e.write(p.address)
	e.press(hands.Return)
	e.within(limit, "password")
	e.see(passwordScreen(p))
	e.write(p.password)
	for deadline := time.Now().Add(limit); ; {
		e.press(hands.Return)
		screen := ""
		e.await(limit, "the password's end", func(x event) bool {
			screen = x.Screen
			return screen == "connected" || screen == "password"
		})
		if screen == "connected" {
			return
		}
		if time.Now().After(deadline) {
			e.t.Fatal("no login came through")
		}
		e.settle()
	}
}

// crowdTries: 300 tablets log in at once, and so does ours.
func crowdTries() []try {
	return []try{{name: "300-tablets", item: "crowd", elsewhere: true, do: func(e *escapee) {
		ctx, cancel := context.WithTimeout(e.t.Context(), 10*time.Minute)
		defer cancel()
		var out, errs bytes.Buffer
		ended := make(chan int, 1)
		go func() {
			ended <- ctl.Main(ctx, []string{"storm", "--tablets", "300", "--arrival", "10s", "--issuer", e.service.Issuer, "--ca", e.path("ca.pem")}, &out, &errs)
		}()
		e.persist(camille)
		if code := <-ended; code != ctl.ExitOK {
			e.t.Errorf("the crowd: %s %s", out.String(), errs.String())
		}
		e.t.Logf("the crowd: %s", out.String())
	}}}
}
