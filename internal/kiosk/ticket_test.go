package kiosk

import (
	"encoding/json"
	"testing"
	"testing/synctest"

	"portillon/internal/identity"
	"portillon/internal/identity/identitytest"
	"portillon/internal/login"
	"portillon/internal/supervisor"
)

func ticket(n string) *identity.Session {
	return &identity.Session{ServiceURL: "https://exam.example/?ticket=" + n, Cookie: "TGC=c", Name: "Marie Curie"}
}

func (s *fakeSupervisor) serviceURL(t *testing.T) string {
	t.Helper()
	var h struct {
		ServiceURL string `json:"service_url"`
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := json.Unmarshal(s.handoff, &h); err != nil {
		t.Fatal(err)
	}
	return h.ServiceURL
}

// A ticket counts once: each start of the player has its own, asked for at the last moment.
func TestEachPlayerHasItsOwnTicket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &identitytest.Fake{}
		f.Next("password", identitytest.Reply{Session: ticket("login")})
		for _, n := range []string{"first", "second", "third"} {
			f.Next("renew", identitytest.Reply{Session: ticket(n)})
		}
		r := open(t, setup{fake: f})
		r.logIn()
		r.on(login.ScreenConnected)
		if got := r.sup.serviceURL(t); got != "https://exam.example/?ticket=first" {
			t.Errorf("the player got %s", got)
		}
		r.sup.events <- supervisor.PlayerExited{Code: 1}
		synctest.Wait()
		if got := r.sup.serviceURL(t); got != "https://exam.example/?ticket=second" {
			t.Errorf("the next player got %s", got)
		}
		r.sup.events <- supervisor.RenewRequested{ID: 1}
		synctest.Wait()
		r.sup.mu.Lock()
		if got := string(r.sup.renewals[0]); got != `{"service_url":"https://exam.example/?ticket=third","subject":"","name":""}` {
			t.Errorf("the player was answered %s", got)
		}
		r.sup.mu.Unlock()
		if got := r.sup.said(); got != "start start renewal" {
			t.Errorf("supervisor was asked to: %s", got)
		}
		r.sup.events <- supervisor.PlayerExited{Code: 0}
		r.on(login.ScreenEnded)
		r.do(login.Touched{})
		if err := <-r.ended; err != nil {
			t.Fatal(err)
		}
	})
}

// A service that cannot give the ticket is told, and nothing starts.
func TestNoTicketNoPlayer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &identitytest.Fake{}
		f.Next("password", identitytest.Reply{Session: ticket("login")})
		f.Next("renew", identitytest.Reply{Err: identity.Fail("renew", identity.Refused, "")})
		r := open(t, setup{fake: f})
		r.logIn()
		if v := r.on(login.ScreenConnected); !v.Connected.Interrupted {
			t.Errorf("%+v", v.Connected)
		}
		if got := r.sup.said(); got != "" {
			t.Errorf("supervisor was asked to: %s", got)
		}
	})
}
