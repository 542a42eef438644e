package lockdown

import (
	"errors"
	"flag"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func update() bool {
	f := flag.Lookup("update")
	return f != nil && f.Value.String() == "true"
}

func init() { flag.Bool("update", false, "write the golden files anew") }

func tablet() EgressOptions {
	return EgressOptions{
		Hosts: []string{"auth.example:443", "evaluation.example:8443", "[2001:db8::7]:443"},
		Users: []string{"65534", "1001"}, Resolver: "101", Time: "102", DHCP: "103",
	}
}

// TestRuleset compares with a file that was read by people.
func TestRuleset(t *testing.T) {
	udp := tablet()
	udp.UDP, udp.Stub = true, netip.IPv6Loopback()
	for file, o := range map[string]EgressOptions{
		"testdata/tablet.nft": tablet(), "testdata/stub-udp.nft": udp, "testdata/nobody.nft": {},
	} {
		got, err := Ruleset(o)
		if err != nil {
			t.Fatal(err)
		}
		if update() {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s differs:\n%s", file, got)
		}
		if out, err := nft("-c", got); err != nil {
			t.Errorf("%s: nft: %v\n%s", file, err, out)
		}
	}
}

// nft feeds a script to the real program, in a network namespace that lasts as long as it.
func nft(flags, script string) (string, error) {
	cmd := exec.Command("unshare", "--map-root-user", "--net", "sh", "-c", "PATH=$PATH:/usr/sbin:/sbin; nft "+flags+" -f -; code=$?; nft list ruleset; exit $code")
	cmd.Stdin = strings.NewReader(script)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// TestNftChecks: the check can fail.
func TestNftChecks(t *testing.T) {
	if out, err := nft("-c", "table inet x { chain y { no such thing; } }"); err == nil {
		t.Error(out)
	}
}

// TestReload: loading twice is the same as once, addresses can be renewed, and the sets
// that are shipped are empty.
func TestReload(t *testing.T) {
	rules, err := Ruleset(tablet())
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(rules, "elements") {
		t.Error("the shipped sets are not empty")
	}
	addrs := []netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:443"), netip.MustParseAddrPort("[2001:db8::1]:443"), netip.MustParseAddrPort("[::ffff:192.0.2.2]:8443")}
	fill, err := Elements(addrs, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	out, err := nft("", rules+rules+fill+fill)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"192.0.2.1 . 443 timeout 1h", "192.0.2.2 . 8443 timeout 1h", "2001:db8::1 . 443 timeout 1h"} {
		if strings.Count(out, want) != 1 {
			t.Errorf("%q is not there once:\n%s", want, out)
		}
	}
	if strings.Count(out, "table inet") != 1 {
		t.Error(out)
	}
}

// TestRulesetRefuses: nothing that could end a line or a set gets in.
func TestRulesetRefuses(t *testing.T) {
	for _, bad := range []EgressOptions{
		{Hosts: []string{"host"}}, {Hosts: []string{"a\nb:443"}}, {Hosts: []string{"a } b:443"}}, {Hosts: []string{"host:https"}}, {Hosts: []string{"host:0"}},
		{Users: []string{"a, b"}}, {Resolver: "a\n"}, {Time: "{"}, {DHCP: "$x"}, {Users: []string{"1} accept"}},
		{Stub: netip.MustParseAddr("192.0.2.1")},
	} {
		if got, err := Ruleset(bad); !errors.Is(err, ErrEgress) {
			t.Errorf("%+v: %v\n%s", bad, err, got)
		}
	}
	for _, bad := range []string{"127.0.0.1:443", "0.0.0.0:443", "[::1]:443", "[fe80::1%eth0]:443", "224.0.0.1:443", "192.0.2.1:0"} {
		if got, err := Elements([]netip.AddrPort{netip.MustParseAddrPort(bad)}, time.Hour); !errors.Is(err, ErrEgress) {
			t.Errorf("%s: %v %s", bad, err, got)
		}
	}
	if _, err := Elements([]netip.AddrPort{{}}, time.Hour); !errors.Is(err, ErrEgress) {
		t.Error("the zero address was accepted")
	}
	if _, err := Elements(nil, 0); !errors.Is(err, ErrEgress) {
		t.Error("no time to live was accepted")
	}
}
