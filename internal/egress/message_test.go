package egress

import (
	"errors"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

func addrs(list ...string) []netip.Addr {
	var out []netip.Addr
	for _, s := range list {
		out = append(out, netip.MustParseAddr(s))
	}
	return out
}

func aQuery(name string) query {
	return query{id: 7, rd: true, name: dnsmessage.MustNewName(name), qtype: dnsmessage.TypeA}
}

func TestMessages(t *testing.T) {
	b, err := ask(7, "auth.example", dnsmessage.TypeA)
	if err != nil {
		t.Fatal(err)
	}
	q, err := parseQuery(b)
	if err != nil || q != aQuery("auth.example.") {
		t.Fatalf("%+v %v", q, err)
	}
	want := answer{addrs: addrs("192.0.2.1", "192.0.2.2"), ttl: time.Minute}
	b, err = q.pack(want)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := parseAnswer(b, 7, dnsmessage.TypeA); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v %v", got, err)
	}
	// Records of another type than was asked for open nothing.
	if got, err := parseAnswer(b, 7, dnsmessage.TypeAAAA); err != nil || got.addrs != nil {
		t.Errorf("%+v %v", got, err)
	}
	if _, err := parseAnswer(b, 8, dnsmessage.TypeA); !errors.Is(err, ErrAnswer) {
		t.Errorf("another question's answer: %v", err)
	}
	if _, err := parseQuery(b); !errors.Is(err, ErrMessage) {
		t.Errorf("an answer taken for a query: %v", err)
	}
}

// TestManyAddresses: an answer opens no more than maxAddrs, and its shortest time counts.
func TestManyAddresses(t *testing.T) {
	m := dnsmessage.Message{Header: dnsmessage.Header{ID: 7, Response: true}}
	for i := range byte(100) {
		m.Answers = append(m.Answers, dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: dnsmessage.MustNewName("x."),
			Class: dnsmessage.ClassINET, TTL: uint32(100 - i)}, Body: &dnsmessage.AResource{A: [4]byte{192, 0, 2, i}}})
	}
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	a, err := parseAnswer(b, 7, dnsmessage.TypeA)
	if err != nil || len(a.addrs) != maxAddrs || a.ttl != time.Duration(100-maxAddrs+1)*time.Second {
		t.Errorf("%d addresses for %v, %v", len(a.addrs), a.ttl, err)
	}
}

func TestNames(t *testing.T) {
	n, err := NewNames([]string{"Auth.Example:443", "auth.example.:8443", "médecine.example:443", "[2001:db8::7]:443", "192.0.2.7:1"})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]uint16{"AUTH.example.": {443, 8443}, "xn--mdecine-bya.example": {443}, "example": nil, "a.auth.example": nil, "": nil} {
		if got := n.Ports(name); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %v", name, got)
		}
	}
	if len(n.Fixed) != 2 {
		t.Errorf("%v", n.Fixed)
	}
	for _, bad := range []string{"auth.example", "auth.example:0", "auth.example:https", "a b:443", ":443"} {
		if _, err := NewNames([]string{bad}); !errors.Is(err, ErrHost) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// FuzzMessages: whatever comes from either side, nothing panics, and what is opened is an
// address that is worth it.
func FuzzMessages(f *testing.F) {
	q, err := ask(7, "auth.example", dnsmessage.TypeA)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(q)
	b, err := aQuery("auth.example.").pack(answer{addrs: addrs("192.0.2.1", "127.0.0.1"), ttl: time.Hour})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte{0, 7, 0x81, 0x80, 0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		if q, err := parseQuery(b); err == nil {
			if _, err := q.pack(answer{addrs: addrs("192.0.2.1")}); err != nil {
				t.Error(err)
			}
		}
		for _, qtype := range []dnsmessage.Type{dnsmessage.TypeA, dnsmessage.TypeAAAA} {
			a, err := parseAnswer(b, 7, qtype)
			if err != nil {
				continue
			}
			if len(a.addrs) > maxAddrs || a.ttl < 0 {
				t.Errorf("%d addresses for %v", len(a.addrs), a.ttl)
			}
			for _, addr := range a.addrs {
				if addr.Is4() != (qtype == dnsmessage.TypeA) || !addr.IsGlobalUnicast() {
					t.Errorf("opens %v", addr)
				}
			}
		}
	})
}
