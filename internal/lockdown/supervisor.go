package lockdown

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"portillon/internal/config"
)

// SupervisorOptions is what the supervisor, and whatever it starts, keeps.
type SupervisorOptions struct {
	// Mode is the configuration's; empty is an error.
	Mode config.Lockdown
	// State is the state directory, written; it must exist.
	State string
	// Runtime is XDG_RUNTIME_DIR, written; empty: none.
	Runtime string
	// Hosts are config.Config's EgressHosts, "host:port": their ports may be
	// connected to. Which host is asked for is the supervisor's own code to decide, and which
	// address is reached the firewall's.
	Hosts []string
	// Read are further files and directories to read: the configuration and its
	// signature, identity.ca_file, XAUTHORITY, the player's data. What is missing is passed over.
	Read []string
	// Player is config.Exam.Command. Its program and interpreters may be executed and its
	// directory read, unless that holds everybody's programs.
	Player []string
	// PlayerExecute are further programs, or directories of programs, that the player starts.
	PlayerExecute []string
	// Devices are further device nodes of screen or player (/dev/snd).
	Devices []string
	// UDP lets datagrams out of supervisor and player, to any port: for a player that cannot
	// do without. Only the firewall then stands before UDP.
	UDP bool
	// Without is as in ScreenOptions.
	Without []Part
}

// SealSupervisor seals the supervisor and all it will start. It connects TCP to the ports
// of Hosts and to 53, executes this program and the player, and writes State and Runtime. It
// may still signal what it started, from any thread; ScopeChildren is for those. Errors
// as SealScreen's.
func SealSupervisor(o SupervisorOptions) (Report, error) {
	s, err := newSealing(o.Mode, o.Without)
	if err != nil {
		return Report{}, err
	}
	ports, err := tcpPorts(o.Hosts)
	if err != nil {
		return Report{}, err
	}
	files, err := supervisorGrants(o)
	if err != nil {
		return Report{}, err
	}
	s.process()
	s.filesAndTCP(files, ports)
	s.filter(supervisorRules(o.UDP))
	s.advise(PartMemfd, memfd())
	return s.done()
}

// ScopeChildren keeps what the calling thread starts from signalling anybody but each
// other. Call it after SealSupervisor on the one thread that starts processes, locked
// (runtime.LockOSThread) for ever. That thread alone: before Landlock ABI 8 every thread has
// a domain of its own, and one that is scoped could not signal another's children.
// Errors as SealScreen's.
func ScopeChildren(o SupervisorOptions) (Report, error) {
	s, err := newSealing(o.Mode, o.Without)
	if err != nil {
		return Report{}, err
	}
	s.scopeThread()
	return s.done()
}

// Probes is what is to be tried in a supervisor sealed with o.
func (o SupervisorOptions) Probes() (ProbeOptions, error) {
	ports, err := tcpPorts(o.Hosts)
	if err != nil {
		return ProbeOptions{}, err
	}
	files, err := supervisorGrants(o)
	if err != nil {
		return ProbeOptions{}, err
	}
	p := ProbeOptions{Role: RoleSupervisor, Ports: ports, UDP: o.UDP, Writable: o.State}
	for _, g := range files {
		if g.rights&runFiles == runFiles {
			p.Execute = append(p.Execute, g.path)
		}
	}
	return p, nil
}

// Resolver resolves over TCP alone (RFC 7766 asks every server for it), so that the
// supervisor needs no UDP; Go's own, so that no NSS module is loaded into it.
func Resolver() *net.Resolver {
	var d net.Dialer
	d.SetMultipathTCP(false)
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, address string) (net.Conn, error) {
		return d.DialContext(ctx, "tcp", address)
	}}
}

const portDNS = 53

// tcpPorts are the ports of hosts, and DNS's.
func tcpPorts(hosts []string) ([]uint16, error) {
	ports := []uint16{portDNS}
	for _, h := range hosts {
		_, port, err := net.SplitHostPort(h)
		if err != nil {
			return nil, fmt.Errorf("lockdown: host %q: %w", h, err)
		}
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 {
			return nil, fmt.Errorf("lockdown: host %q: %w", h, strconv.ErrRange)
		}
		ports = append(ports, uint16(n))
	}
	slices.Sort(ports)
	return slices.Compact(ports), nil
}

// resolverFiles are where /etc/resolv.conf may lead: directories, since the file in them
// is replaced whenever the network changes.
func resolverFiles() []string {
	return []string{"/run/systemd/resolve", "/run/NetworkManager", "/run/resolvconf", "/run/connman"}
}

func supervisorGrants(o SupervisorOptions) ([]grant, error) {
	out := grants(readFiles, false, append(append(systemFiles(), resolverFiles()...), o.Read...)...)
	out = append(out, grants(useDevices, false, graphicsDevices(o.Devices)...)...)
	out = append(out, grant{writeFiles, o.State, true})
	out = append(out, grants(writeFiles, false, o.Runtime)...)
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("lockdown: this program: %w", err)
	}
	run := []string{self}
	if len(o.Player) > 0 {
		run = append(run, o.Player[0])
		if dir := filepath.Dir(o.Player[0]); !sharedDirectory(dir) {
			out = append(out, grants(readFiles, false, dir)...)
		}
	}
	for _, p := range append(run, o.PlayerExecute...) {
		more, err := executeGrants(p)
		if err != nil {
			return nil, err
		}
		out = append(out, more...)
	}
	return out, nil
}

// executeGrants are for a directory of programs, or a program with its interpreters.
func executeGrants(path string) ([]grant, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("lockdown: to execute: %w", err)
	}
	if info.IsDir() {
		return grants(runTree, true, path), nil
	}
	chain, err := programs(path)
	if err != nil {
		return nil, err
	}
	return grants(runFiles, true, chain...), nil
}

// sharedDirectory: programs of everybody are there; to read them would be to run them,
// by way of ld.so.
func sharedDirectory(dir string) bool {
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return true
	}
	switch real {
	case "/", "/usr", "/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin", "/usr/games", "/home", "/root", "/opt":
		return true
	}
	return false
}
