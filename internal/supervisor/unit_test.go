package supervisor

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"portillon/internal/dpop"
)

func FuzzDecodeRequest(f *testing.F) {
	for _, r := range []request{{ID: 1, Op: opHello}, {ID: 2, Op: opCancel, Ref: 1},
		{ID: 3, Op: opDial, Dial: &dialParams{"tcp", "auth.example:443"}},
		{ID: 4, Op: opProve, Proof: &proofParams{"POST", "https://auth.example/", "a", "n"}},
		{ID: 5, Op: opStart}, {ID: 6, Op: opRenewed, Ref: 7}} {
		packet, err := encode(nil, r, []byte("{}"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(packet)
		f.Add(packet[:len(packet)-2])
	}
	f.Fuzz(func(t *testing.T, packet []byte) {
		r, body, err := decodeRequest(packet)
		if err != nil {
			if !errors.Is(err, errProtocol) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		if len(body) > MaxHandoff || r.ID == 0 {
			t.Fatalf("accepted %+v with a body of %d bytes", r, len(body))
		}
		again, err := encode(nil, r, body)
		if errors.Is(err, ErrTooLarge) {
			return // escaping may lengthen a head
		}
		if err != nil {
			t.Fatal(err)
		}
		r2, body2, err := decodeRequest(again)
		if err != nil || !reflect.DeepEqual(r, r2) || !bytes.Equal(body, body2) {
			t.Fatalf("%+v became %+v, %v", r, r2, err)
		}
	})
}

func FuzzDecodeLine(f *testing.F) {
	f.Add([]byte(`{"htm":"POST","htu":"https://evaluation.example/"}`))
	f.Add([]byte(`{"renew":true}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		r, err := decodeLine(line)
		if err == nil && r.Renew == (r.proofParams != proofParams{}) {
			t.Fatalf("accepted %+v", r)
		}
	})
}

func TestMisshapenRequests(t *testing.T) {
	dial := &dialParams{"tcp", "x:1"}
	for _, c := range []struct {
		name string
		r    request
		body string
	}{
		{"no number", request{Op: opHello}, ""},
		{"no operation", request{ID: 1}, ""},
		{"unknown operation", request{ID: 1, Op: "exec"}, ""},
		{"dial without address", request{ID: 1, Op: opDial}, ""},
		{"hello with address", request{ID: 1, Op: opHello, Dial: dial}, ""},
		{"hello with body", request{ID: 1, Op: opHello}, "x"},
		{"start without body", request{ID: 1, Op: opStart}, ""},
		{"cancel of nothing", request{ID: 1, Op: opCancel}, ""},
		{"power without a word", request{ID: 1, Op: opPower}, ""},
		{"power of another kind", request{ID: 1, Op: opPower, Power: "../off"}, ""},
		{"end with power", request{ID: 1, Op: opEnd, Power: PowerOff}, ""},
		{"no notes", request{ID: 1, Op: opNote}, ""},
		{"a person's note", request{ID: 1, Op: opNote, Notes: []Note{{Screen: "marie@univ-uness.fr"}}}, ""},
		{"too many notes", request{ID: 1, Op: opNote, Notes: make([]Note, MaxNotes+1)}, ""},
		{"end with notes", request{ID: 1, Op: opEnd, Notes: make([]Note, 1)}, ""},
		{"end of something", request{ID: 1, Op: opEnd, Ref: 1}, ""},
	} {
		packet, err := encode(nil, c.r, []byte(c.body))
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := decodeRequest(packet); !errors.Is(err, errProtocol) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	for _, packet := range []string{"", "\x00", "\x00\x05{}", "\x00\x02{}", "\x00\x04null",
		"\x00\x18{\"id\":1,\"op\":\"hello\"}{}", "\xff\xff" + strings.Repeat(" ", 1<<16)} {
		if _, _, err := decodeRequest([]byte(packet)); !errors.Is(err, errProtocol) {
			t.Errorf("%.20q: %v", packet, err)
		}
	}
}

func TestFailuresCross(t *testing.T) {
	for _, err := range []error{ErrNotAllowed, ErrBusy, ErrPlayerRunning, ErrNoHandoff, ErrNoRenewal, ErrNoPower, ErrTooLarge,
		dpop.ErrParams, context.Canceled, os.ErrDeadlineExceeded, syscall.ECONNREFUSED, syscall.ENETUNREACH,
		syscall.EHOSTUNREACH, syscall.ENETDOWN} {
		wrapped := &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", err)}
		if got := fail(wrapped).err(); !errors.Is(got, err) {
			t.Errorf("%v became %v", err, got)
		}
	}
	got := fail(errors.Join(ErrPlayerStart, syscall.ENOENT)).err()
	if !errors.Is(got, ErrPlayerStart) || !errors.Is(got, fs.ErrNotExist) {
		t.Errorf("player start became %v", got)
	}
	if got := fail(errors.New("secret detail")).err(); !errors.Is(got, ErrInternal) || strings.Contains(got.Error(), "secret") {
		t.Errorf("an unknown error became %v", got)
	}
	dns := &net.DNSError{Err: "no such host", Name: "auth.example", IsNotFound: true}
	back, ok := errors.AsType[*net.DNSError](dialError("tcp", fail(&net.OpError{Err: dns}).err()))
	if !ok || !back.IsNotFound || back.Name != dns.Name {
		t.Errorf("DNS error became %v", back)
	}
}

func TestBackoff(t *testing.T) {
	var b backoff
	young, old := time.Second, time.Minute
	for i, c := range []struct{ lived, want time.Duration }{
		{young, 0}, {young, 200 * time.Millisecond}, {young, 400 * time.Millisecond}, {young, 800 * time.Millisecond},
		{young, 1600 * time.Millisecond}, {young, 2 * time.Second}, {young, 2 * time.Second},
		{old, 0}, {young, 200 * time.Millisecond},
	} {
		if got := b.next(c.lived); got != c.want {
			t.Errorf("wait %d is %v, want %v", i, got, c.want)
		}
	}
}

func TestHosts(t *testing.T) {
	for url, want := range map[string]string{
		"https://Auth.Example":       "auth.example:443",
		"https://auth.example:8443/": "auth.example:8443",
		"https://[::1]:8443":         "[::1]:8443",
		"http://127.0.0.1:8080/x":    "127.0.0.1:8080",
		"http://localhost":           "localhost:80",
		"https://é.example":          "xn--9ca.example:443",
		"http://auth.example":        "",
		"http://127.0.0.1.example":   "",
		"https://a@auth.example":     "",
		"ftp://auth.example":         "",
		"https://":                   "",
		"/token":                     "",
	} {
		got, err := urlHost(url)
		if got != want || (want == "") != errors.Is(err, ErrNotAllowed) {
			t.Errorf("%s goes to %q, %v; want %q", url, got, err, want)
		}
	}
	list, err := newAllowList([]string{"Evaluation.example", "[::1]:8443", "10.0.0.1:443"})
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"evaluation.example:443", "[::1]:8443", "10.0.0.1:443"} {
		if !list[host] {
			t.Errorf("%s is not in %v", host, list)
		}
	}
	if _, err := newAllowList([]string{"a b:443"}); err == nil {
		t.Error("a name with a blank was accepted")
	}
}

// A renewal nobody answers is answered when its time is over.
func TestRenewalLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		var told []Event
		e := &exam{log: slog.New(slog.DiscardHandler)}
		l := &lines{exam: e, conn: ours}
		e.player = &player{lines: l}
		e.attach(func(ev Event) { told = append(told, ev) }, func(bool) {})
		began := time.Now()
		e.askRenewal(l)
		e.askRenewal(l)
		got, err := bufio.NewReader(theirs).ReadString('\n')
		if err != nil || got != `{"renewed":null,"error":"unavailable"}`+"\n" {
			t.Errorf("answer %q, %v", got, err)
		}
		if waited := time.Since(began); waited != RenewalLimit {
			t.Errorf("after %v", waited)
		}
		if len(told) != 1 {
			t.Errorf("told %v", told)
		}
	})
}

// Whatever somebody put in session/, or in its place, is gone; what a link points to is not.
func TestRenewState(t *testing.T) {
	dir := t.TempDir()
	outside := filepath.Join(dir, "outside")
	if err := os.WriteFile(outside, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := openState(filepath.Join(dir, "state"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.close() }()
	for _, prepare := range []func() error{
		func() error { return nil },
		func() error { return os.Symlink(outside, filepath.Join(s.session(), "link")) },
		func() error { return errors.Join(os.RemoveAll(s.session()), os.Symlink(dir, s.session())) },
	} {
		if err := prepare(); err != nil {
			t.Fatal(err)
		}
		if err := s.renew(); err != nil {
			t.Fatal(err)
		}
		info, err := os.Lstat(s.session())
		if err != nil || info.Mode() != fs.ModeDir|0o700 {
			t.Errorf("session/ is %v, %v", info, err)
		}
		if _, err := os.Stat(outside); err != nil {
			t.Errorf("followed a link: %v", err)
		}
		if !s.unfinished() {
			t.Error("the new candidate is finished already")
		}
	}
}

func TestPageIsWiped(t *testing.T) {
	p, err := newPage(8192)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	if err := p.set([]byte(canary)); err != nil || string(p.bytes()) != canary {
		t.Fatalf("page holds %q, %v", p.bytes(), err)
	}
	held := p.mem[:len(canary)]
	if err := p.set(make([]byte, 8193)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("too much: %v", err)
	}
	p.wipe()
	if len(p.bytes()) != 0 || !bytes.Equal(held, make([]byte, len(held))) {
		t.Errorf("after wipe the page holds %q", held)
	}
}

func TestConnectWithoutSupervisor(t *testing.T) {
	if _, err := Connect(); !errors.Is(err, ErrNoSupervisor) {
		t.Errorf("connected to nobody: %v", err)
	}
}
