package e2e

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"portillon/internal/e2e/vm"
	tablet "portillon/internal/image"
)

// airwave is a network of the room: as the access point has it, and as the centre gave it to the tablet.
type airwave struct {
	name, file string // its SSID; iwd's file
	kind       string // as people call it
	point      string // hostapd.conf(5), beyond what all have
	known      string // iwd.network(5)
}

// The room's secrets, of the test alone.
const (
	roomPhrase = "craie et tableau noir"
	roomUser   = "tablette"
	roomWord   = "eponge-humide"
)

// airwaves are every kind of network that is promised. authority is the enterprise's, in PEM.
func airwaves(authority string) []airwave {
	return []airwave{
		{name: "SallePersonnelle", file: "SallePersonnelle.psk", known: "[Security]\nPassphrase=" + roomPhrase + "\n",
			point: "wpa=2\nwpa_key_mgmt=WPA-PSK\nrsn_pairwise=CCMP\nwpa_passphrase=" + roomPhrase, kind: "WPA2-Personal"},
		{name: "SalleTrois", file: "SalleTrois.psk", known: "[Security]\nPassphrase=" + roomPhrase + "\n",
			point: "wpa=2\nwpa_key_mgmt=SAE\nrsn_pairwise=CCMP\nieee80211w=2\nsae_password=" + roomPhrase, kind: "WPA3-Personal"},
		{name: "SalleEntreprise", file: "SalleEntreprise.8021x", kind: "WPA2-Enterprise",
			known: "[Security]\nEAP-Method=PEAP\nEAP-Identity=anonyme\nEAP-PEAP-CACert=embed:authority\nEAP-PEAP-ServerDomainMask=radius.example\n" +
				"EAP-PEAP-Phase2-Method=MSCHAPV2\nEAP-PEAP-Phase2-Identity=" + roomUser + "\nEAP-PEAP-Phase2-Password=" + roomWord + "\n\n[@pem@authority]\n" + authority,
			point: "wpa=2\nwpa_key_mgmt=WPA-EAP\nrsn_pairwise=CCMP\nieee8021x=1\neap_server=1\neap_user_file=/conf/users\n" +
				"ca_cert=/conf/authority.pem\nserver_cert=/conf/server.pem\nprivate_key=/conf/server.key"},
	}
}

// imageWiFi: the tablet joins the networks whose files its configuration partition carries, on a radio that
// the kernel simulates (mac80211_hwsim), from a real access point on another, and gets its address there.
func imageWiFi(t *testing.T, i imageUnderTest, l *ledger) {
	s := newSlate(t, i)
	authority, server, key := roomCertificates(t)
	networks := airwaves(authority)
	b := s.signed(1, nextMonth())
	for _, n := range networks {
		b["wifi/"+n.file] = []byte(n.known)
	}
	s.configure(b)
	s.enrol()
	s.accessPoint(networks, map[string]string{"authority.pem": authority, "server.pem": server, "server.key": key,
		"users": fmt.Sprintf("* PEAP\n%q MSCHAPV2 %q [2]\n", roomUser, roomWord)})
	script := `shows email
lab=/run/lab
mkdir -p $lab && mount -o ro,noload /dev/disk/by-id/virtio-lab $lab
for d in dev proc sys; do mount --rbind /$d $lab/$d; done
mount -t tmpfs tmpfs $lab/run && mount -t tmpfs tmpfs $lab/tmp && mount -t tmpfs tmpfs $lab/var/lib/misc
systemctl stop iwd # which takes whatever radio it finds
modprobe mac80211_hwsim radios=2 || tell wifi no radios
until [ -e /sys/class/ieee80211/phy1 ]; do sleep 1; done
udevadm settle
unshare --net sleep infinity & point=$!
until [ "$(readlink /proc/$point/ns/net)" != "$(readlink /proc/1/ns/net)" ]; do sleep 1; done
chroot $lab iw phy phy1 set netns $point || tell wifi no radio for the access point
at="nsenter --net --target $point chroot $lab" # no function: what is to be ended must be the program itself
$at ip link set lo up
i=$($at iw dev | sed -n 's/.*Interface //p' | head -n 1)
[ "$i" = wlan1 ] || { $at ip link set "$i" down; $at ip link set "$i" name wlan1; } || tell wifi no interface for the access point
systemctl start iwd
station() { chroot $lab iw dev | sed -n 's/.*Interface //p' | head -n 1; }
`
	for _, n := range networks {
		script += fmt.Sprintf(`$at hostapd /conf/%[1]s.conf >/run/hostapd.log 2>&1 & ap=$!
$at sh -c 'until ip link show wlan1 | grep -q UP; do sleep 1; done; ip address replace 10.9.0.1/24 dev wlan1'
$at dnsmasq --keep-in-foreground --port=0 --interface=wlan1 --bind-interfaces --dhcp-range=10.9.0.10,10.9.0.99,1h --leasefile-ro --user=root >/run/dnsmasq.log 2>&1 & dhcp=$!
n=0; joined=no
while [ $n -lt 240 ]; do
	if chroot $lab iw dev $(station) link | grep -q %[1]s && chroot $lab ip -4 address show $(station) | grep -q 10.9.0; then joined=yes; break; fi
	n=$((n + 1)); sleep 1
done
tell wifi %[1]s $joined
[ $joined = yes ] || { tail -n 20 /run/hostapd.log; tail -n 20 /run/dnsmasq.log; journalctl -b -o cat -u iwd.service | tail -n 20; chroot $lab iw dev; chroot $lab ip address; } | while read -r line; do tell "why: $line"; done
kill $dhcp $ap; wait $dhcp $ap
chroot $lab ip -4 address flush dev $(station)
`, n.name)
	}
	s.boot(s.inside(script+"tell wifi done\n"), func(o *vm.Options) {
		o.More = append(o.More, "-drive", "if=none,id=lab,format=raw,readonly=on,file=/vm/lab.raw", "-device", "virtio-blk-pci,drive=lab,serial=lab")
	})
	told := strings.Join(s.told("wifi"), "\n")
	for _, n := range networks {
		var err error
		if !strings.Contains(told, n.name+" yes") {
			err = errors.New(told)
		}
		l.note(t, "joins "+n.kind, err)
	}
}

// accessPoint makes the disk from which the machine runs its access point: a Debian with hostapd.
func (s *slate) accessPoint(networks []airwave, files map[string]string) {
	s.t.Helper()
	mirror, err := tablet.ReadMirror(os.DirFS("/etc/apt"))
	s.must(err)
	tree, err := tablet.Tree{Name: "wifi", Packages: []string{"dnsmasq-base", "e2fsprogs", "hostapd", "iproute2", "iw", "mount"}}.Ensure(
		s.t.Context(), filepath.Dir(s.image.tree), mirror, os.Stderr)
	s.must(err)
	for _, n := range networks {
		files[n.name+".conf"] = "interface=wlan1\ndriver=nl80211\nhw_mode=g\nchannel=1\nssid=" + n.name + "\n" + n.point + "\n"
	}
	conf := s.path("conf")
	s.must(os.Mkdir(conf, 0o755))
	for name, text := range files {
		s.must(os.WriteFile(filepath.Join(conf, name), []byte(text), 0o644))
	}
	out, err := tablet.Command(s.t.Context(), tree, []tablet.Mount{{From: s.path("vm"), To: "/vm"}, {From: tree, To: "/tree"}, {From: conf, To: "/conf"}},
		"sh", "-ec", `mkdir /tmp/all; cp -a /tree/usr /tree/etc /tree/bin /tree/sbin /tree/lib /tree/lib64 /conf /tmp/all
mkdir -p /tmp/all/dev /tmp/all/proc /tmp/all/sys /tmp/all/run /tmp/all/tmp /tmp/all/var/lib/misc
mke2fs -q -t ext4 -d /tmp/all /vm/lab.raw 600M`).CombinedOutput()
	if err != nil {
		s.t.Fatalf("%v: %s", err, out)
	}
}

// roomCertificates are an authority and the certificate of its RADIUS server, in PEM.
func roomCertificates(t *testing.T) (authority, server, key string) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	block := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Room"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: nextMonth(),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	caKey, err := rsa.GenerateKey(rand.Reader, 2048)
	must(err)
	der, err := x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey)
	must(err)
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "radius.example"}, DNSNames: []string{"radius.example"},
		NotBefore: ca.NotBefore, NotAfter: ca.NotAfter, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	leafKey, err := rsa.GenerateKey(rand.Reader, 2048)
	must(err)
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, ca, leafKey.Public(), caKey)
	must(err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(leafKey)
	must(err)
	return block("CERTIFICATE", der), block("CERTIFICATE", leafDER), block("PRIVATE KEY", keyDER)
}
