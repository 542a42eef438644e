package preflight

import (
	"context"
	"fmt"
	"strings"
	"time"

	"portillon/internal/identity"
	"portillon/internal/lockdown"
	"portillon/internal/login"
)

// Entry is what is always the same of a check.
type Entry struct {
	ID    string // stem of its translation keys, check.ID and check.ID.remedy
	Layer Layer
	Grade login.Grade // what its failure means
	// Code is what is read out on the phone: V for the seal (verrouillage), A for the machine
	// (appareil), C for the configuration, R for the network (réseau), E for equipment. Codes
	// are printed on paper and never given to another check.
	Code string
}

// Layer is which part of the house a check looks at.
type Layer string

// The layers: the first three are the lockdown's.
const (
	LayerProcess       Layer = "process"
	LayerImage         Layer = "image"
	LayerSession       Layer = "session"
	LayerConfiguration Layer = "configuration"
	LayerNetwork       Layer = "network"
	LayerTablet        Layer = "tablet"
)

// The checks' IDs.
const (
	IDLockdown  = "lockdown"  // every part of both processes' seals was established
	IDExecute   = "execute"   // tried: another program
	IDConnect   = "connect"   // tried: mail, web, DNS and other ports; datagrams
	IDFiles     = "files"     // tried: reading and writing what is not ours
	IDIsolation = "isolation" // tried: other processes' memory, signals, the kernel's rarer doors
	IDPackages  = "packages"  // no browser, mail client, shell in a window or way in from outside
	IDLogins    = "logins"    // nobody else is, or can be, logged in
	IDVT        = "vt"        // no other console to switch to
	IDSysrq     = "sysrq"
	IDDisplay   = "display" // one screen alone

	IDSignature = "signature"
	IDExpiry    = "expiry"
	IDNetwork   = "network"
	IDNames     = "names"
	IDServer    = "server"
	IDPin       = "pin"
	IDClock     = "clock"
	IDBattery   = "battery"
	IDKeyring   = "keyring"
)

// Entries lists every check, in the order of the screens.
func Entries() []Entry {
	const block, wait, warn = login.GradeBlocking, login.GradeWaiting, login.GradeWarning
	return []Entry{
		{IDLockdown, LayerProcess, block, "V1"},
		{IDExecute, LayerProcess, block, "V2"},
		{IDConnect, LayerProcess, block, "V3"},
		{IDFiles, LayerProcess, block, "V4"},
		{IDIsolation, LayerProcess, block, "V5"},
		{IDPackages, LayerImage, block, "A1"},
		{IDLogins, LayerSession, block, "A2"},
		{IDVT, LayerSession, block, "A3"},
		{IDSysrq, LayerImage, block, "A4"},
		{IDDisplay, LayerSession, block, "A5"},
		{IDSignature, LayerConfiguration, block, "C1"},
		{IDExpiry, LayerConfiguration, warn, "C2"},
		{IDNetwork, LayerNetwork, wait, "R1"},
		{IDNames, LayerNetwork, wait, "R2"},
		{IDServer, LayerNetwork, wait, "R3"},
		{IDPin, LayerNetwork, block, "R4"},
		{IDClock, LayerTablet, wait, "R5"},
		{IDBattery, LayerTablet, warn, "E1"},
		{IDKeyring, LayerTablet, warn, "E2"},
	}
}

// Fact is something another process found, under a check's ID.
type Fact struct {
	ID     string
	OK     bool
	Detail string // one line for a technician; never secret
}

// Facts asks for what another process knows. It keeps to ctx.
type Facts func(ctx context.Context) ([]Fact, error)

// Sources is where a list's facts come from. Provider, Now and Machine are required.
type Sources struct {
	Provider identity.Provider
	Now      func() time.Time
	Machine  Machine
	// BatteryMin is centre.battery_min, in percent.
	BatteryMin int
	// Local: the service is on this machine, so that no network is needed.
	Local bool
	// Findings are facts about both processes' seals and the configuration; a check with
	// several facts is in order when all of them are.
	Findings []Facts
	// Signed: the configuration must be. Else its checks are left out.
	Signed bool
	// Keyring says why a session would not survive a crash; nil: leave the check out.
	Keyring func(ctx context.Context) error
}

// List makes the checks of s, in the order of Entries. It is made anew for each run.
func List(s Sources) []Check {
	found := newFindings(s.Findings)
	probes := map[string]func(context.Context) (string, error){
		IDLockdown: found.probe(IDLockdown), IDExecute: found.probe(IDExecute), IDConnect: found.probe(IDConnect),
		IDFiles: found.probe(IDFiles), IDIsolation: found.probe(IDIsolation),
		IDPackages: looked(s.Machine.packages), IDLogins: looked(s.Machine.logins), IDVT: looked(s.Machine.consoles),
		IDSysrq: looked(s.Machine.sysrq), IDDisplay: looked(s.Machine.displays),
		IDBattery: looked(func() (string, error) { return s.Machine.battery(s.BatteryMin) }),
	}
	if s.Signed {
		probes[IDSignature], probes[IDExpiry] = found.probe(IDSignature), found.optional(IDExpiry)
	}
	if s.Keyring != nil {
		probes[IDKeyring] = func(ctx context.Context) (string, error) { return "", s.Keyring(ctx) }
	}
	online := func() bool { return s.Local || ReadStatus(s.Machine.path("sys")).Online }
	newService(s.Provider, s.Now, online).probes(probes)
	var list []Check
	for _, e := range Entries() {
		if p := probes[e.ID]; p != nil {
			list = append(list, Check{e, p})
		}
	}
	return list
}

// looked is a probe that reads files of the machine and waits for nobody.
func looked(look func() (string, error)) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return look() }
}

// Established turns what sealing reported into a fact. who names the process. Advice that is
// not followed is told and does not fail.
func Established(who string, err error, reports ...lockdown.Report) Fact {
	f := Fact{ID: IDLockdown, OK: err == nil}
	var missing []string
	for _, r := range reports {
		for _, s := range r.Missing() {
			missing = append(missing, fmt.Sprintf("%s (%s)", s.Part, s.Why))
			f.OK = f.OK && s.Part == lockdown.PartMemfd
		}
	}
	if len(missing) > 0 {
		f.Detail = who + ": not in force: " + strings.Join(missing, ", ")
	}
	if err != nil {
		f.Detail = strings.TrimPrefix(f.Detail+"; "+who+": "+strings.ReplaceAll(err.Error(), "\n", "; "), "; ")
	}
	return f
}

// Tried turns what a sealed process tried into facts: one for each way out. who names the
// process in the detail.
func Tried(who string, open map[lockdown.Way][]string) []Fact {
	ids := map[lockdown.Way]string{lockdown.WayExecute: IDExecute, lockdown.WayConnect: IDConnect,
		lockdown.WayFiles: IDFiles, lockdown.WayIsolation: IDIsolation}
	var out []Fact
	for _, w := range lockdown.Ways() {
		f := Fact{ID: ids[w], OK: len(open[w]) == 0}
		if !f.OK {
			f.Detail = fmt.Sprintf("%s: open: %s", who, strings.Join(open[w], ", "))
		}
		out = append(out, f)
	}
	return out
}
