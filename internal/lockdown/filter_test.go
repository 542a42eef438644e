package lockdown

import (
	"encoding/binary"
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// vm runs a compiled filter as the kernel would. The VM reads packets big endian, seccomp
// its struct in native order, so the words are laid out as the VM reads them.
type vm struct {
	t *testing.T
	m machine
	p *bpf.VM
}

func newVM(t *testing.T, m machine, rules []rule) vm {
	t.Helper()
	raw, err := compile(m, rules)
	if err != nil {
		t.Fatal(err)
	}
	var program []bpf.Instruction
	for _, r := range raw {
		program = append(program, r.Disassemble())
	}
	p, err := bpf.NewVM(program)
	if err != nil {
		t.Fatal(err)
	}
	return vm{t, m, p}
}

// raw is the verdict on a call by number, under an audit architecture.
func (v vm) raw(arch, nr uint32, args ...uint64) verdict {
	v.t.Helper()
	data := make([]byte, 64)
	binary.BigEndian.PutUint32(data[offNumber:], nr)
	binary.BigEndian.PutUint32(data[offArch:], arch)
	for i, a := range args {
		binary.BigEndian.PutUint32(data[offArgs+8*i:], uint32(a))
		binary.BigEndian.PutUint32(data[offArgs+8*i+4:], uint32(a>>32))
	}
	// The VM gives an int, which a 64-bit one holds whole.
	got, err := v.p.Run(data)
	if err != nil {
		v.t.Fatal(err)
	}
	return verdict(uint32(got))
}

// call is the verdict on a call by name; ok is false where the machine has no such call.
func (v vm) call(name string, args ...uint64) (got verdict, ok bool) {
	v.t.Helper()
	n, known := callNumbers()[name]
	if !known {
		v.t.Fatalf("no number for %s", name)
	}
	nr := v.m.number(n)
	if nr == none {
		return 0, false
	}
	return v.raw(v.m.audit, uint32(nr), args...), true
}

// sample is a call and what must become of it.
type sample struct {
	call string
	args []uint64
	want verdict
}

func args(a ...uint64) []uint64 { return a }

// both are samples for both processes.
func both() []sample {
	no := refuse(unix.EPERM)
	var out []sample
	for _, call := range []string{"ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "io_uring_setup", "io_uring_enter",
		"io_uring_register", "bpf", "perf_event_open", "userfaultfd", "add_key", "request_key", "keyctl", "unshare", "setns", "mount",
		"umount2", "pivot_root", "chroot", "fsopen", "fsconfig", "fsmount", "fspick", "move_mount", "open_tree", "open_tree_attr",
		"mount_setattr", "kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module", "swapon", "swapoff", "quotactl",
		"quotactl_fd", "acct", "reboot", "sethostname", "setdomainname", "iopl", "ioperm", "modify_ldt", "settimeofday", "clock_settime",
		"open_by_handle_at", "fanotify_init", "syslog", "vhangup"} {
		out = append(out, sample{call, nil, no})
	}
	for _, call := range []string{"read", "write", "openat", "kill", "tgkill", "connect", "bind", "mmap", "futex", "seccomp",
		"landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self", "prctl", "ioctl", "setsockopt", "sendto", "sendmsg", "sendmmsg"} {
		out = append(out, sample{call, nil, allow})
	}
	for _, flag := range []uint64{unix.CLONE_NEWNS, unix.CLONE_NEWCGROUP, unix.CLONE_NEWUTS, unix.CLONE_NEWIPC, unix.CLONE_NEWUSER,
		unix.CLONE_NEWPID, unix.CLONE_NEWNET} {
		out = append(out, sample{"clone", args(flag | unix.CLONE_THREAD), no}, sample{"clone", args(flag | uint64(unix.SIGCHLD)), no})
	}
	return append(out,
		sample{"clone", args(unix.CLONE_VM | unix.CLONE_THREAD | unix.CLONE_SIGHAND), allow},
		sample{"clone3", nil, refuse(unix.ENOSYS)},
		sample{"memfd_create", args(0, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING), allow},
		sample{"memfd_create", args(0, unix.MFD_NOEXEC_SEAL), allow},
		sample{"memfd_create", args(0, unix.MFD_EXEC), no},
		sample{"ioctl", args(0, unix.TIOCSTI), no},
		sample{"ioctl", args(0, unix.TIOCSTI|1<<40), no}, // the kernel looks at 32 bits
		sample{"ioctl", args(0, unix.TIOCLINUX), no},
		sample{"ioctl", args(0, unix.TCGETS), allow},
		sample{"ioctl", args(unix.TIOCSTI, 0), allow},
		sample{"sendto", args(3, 0, 0, unix.MSG_FASTOPEN), no},
		sample{"sendto", args(3, 0, 0, unix.MSG_FASTOPEN|unix.MSG_NOSIGNAL), no},
		sample{"sendto", args(3, 0, unix.MSG_FASTOPEN, unix.MSG_NOSIGNAL), allow},
		sample{"sendmsg", args(3, 0, unix.MSG_FASTOPEN), no},
		sample{"sendmsg", args(3, 0, unix.MSG_NOSIGNAL), allow},
		sample{"sendmmsg", args(3, 0, 1, unix.MSG_FASTOPEN), no},
		sample{"setsockopt", args(3, unix.IPPROTO_TCP, unix.TCP_FASTOPEN), no},
		sample{"setsockopt", args(3, unix.IPPROTO_TCP, unix.TCP_FASTOPEN_CONNECT), no},
		sample{"setsockopt", args(3, unix.IPPROTO_TCP, unix.TCP_FASTOPEN_KEY), no},
		sample{"setsockopt", args(3, unix.IPPROTO_TCP, unix.TCP_FASTOPEN_NO_COOKIE), no},
		sample{"setsockopt", args(3, unix.IPPROTO_TCP, unix.TCP_NODELAY), allow},
		sample{"setsockopt", args(3, unix.SOL_SOCKET, unix.TCP_FASTOPEN), allow},
		sample{"socket", args(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0), allow},
		sample{"socketpair", args(unix.AF_UNIX, unix.SOCK_SEQPACKET, 0), allow},
		sample{"socketpair", args(unix.AF_TIPC, unix.SOCK_STREAM, 0), refuse(unix.EAFNOSUPPORT)},
		sample{"socket", args(unix.AF_VSOCK, unix.SOCK_STREAM, 0), refuse(unix.EAFNOSUPPORT)},
		sample{"socket", args(unix.AF_PACKET, unix.SOCK_RAW, 0), refuse(unix.EAFNOSUPPORT)},
		sample{"socket", args(unix.AF_ALG, unix.SOCK_SEQPACKET, 0), refuse(unix.EAFNOSUPPORT)},
		sample{"socket", args(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_NETFILTER), refuse(unix.EAFNOSUPPORT)},
	)
}

func screenSamples() []sample {
	no, family := refuse(unix.EPERM), refuse(unix.EAFNOSUPPORT)
	return append(both(),
		sample{"execve", nil, no}, sample{"execveat", nil, no}, sample{"fork", nil, no}, sample{"vfork", nil, no},
		sample{"clone", args(uint64(unix.SIGCHLD)), no},
		sample{"clone", args(unix.CLONE_VM | unix.CLONE_VFORK | uint64(unix.SIGCHLD)), no},
		sample{"listen", nil, no}, sample{"accept", nil, no}, sample{"accept4", nil, no},
		sample{"prctl", args(unix.PR_SET_DUMPABLE, 1), no},
		sample{"prctl", args(unix.PR_SET_DUMPABLE, 0), allow},
		sample{"prctl", args(unix.PR_SET_NAME, 1), allow},
		sample{"socket", args(unix.AF_INET, unix.SOCK_STREAM, 0), family},
		sample{"socket", args(unix.AF_INET6, unix.SOCK_STREAM, unix.IPPROTO_TCP), family},
		sample{"socket", args(unix.AF_INET, unix.SOCK_DGRAM, 0), family},
		sample{"socket", args(unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_MPTCP), family},
		sample{"socket", args(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE), family},
	)
}

func supervisorSamples(udp bool) []sample {
	no, datagram := refuse(unix.EPERM), refuse(unix.EPERM)
	if udp {
		datagram = allow
	}
	out := append(both(),
		sample{"execve", nil, allow}, sample{"execveat", nil, allow}, sample{"fork", nil, allow},
		sample{"clone", args(unix.CLONE_VM | unix.CLONE_VFORK | uint64(unix.SIGCHLD)), allow},
		sample{"listen", nil, allow}, sample{"accept4", nil, allow},
		sample{"socket", args(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE), allow})
	for _, f := range []uint64{unix.AF_INET, unix.AF_INET6} {
		const flags = unix.SOCK_CLOEXEC | unix.SOCK_NONBLOCK
		out = append(out,
			sample{"socket", args(f, unix.SOCK_STREAM|flags, 0), allow},
			sample{"socket", args(f, unix.SOCK_STREAM, unix.IPPROTO_TCP), allow},
			sample{"socket", args(f, unix.SOCK_STREAM, unix.IPPROTO_MPTCP), refuse(unix.EPROTONOSUPPORT)},
			sample{"socket", args(f, unix.SOCK_STREAM, unix.IPPROTO_SCTP), no},
			sample{"socket", args(f, unix.SOCK_SEQPACKET, unix.IPPROTO_SCTP), no},
			sample{"socket", args(f, unix.SOCK_DCCP, unix.IPPROTO_DCCP), no},
			sample{"socket", args(f, unix.SOCK_RAW, unix.IPPROTO_ICMP), no},
			sample{"socket", args(f, unix.SOCK_DGRAM, unix.IPPROTO_ICMP), no},
			sample{"socket", args(f, unix.SOCK_DGRAM, unix.IPPROTO_UDPLITE), no},
			sample{"socket", args(f, unix.SOCK_DGRAM|flags, 0), datagram},
			sample{"socket", args(f, unix.SOCK_DGRAM, unix.IPPROTO_UDP), datagram},
		)
	}
	return out
}

// filters are all that are installed anywhere.
func filters() map[string]struct {
	rules   []rule
	samples []sample
} {
	type pair = struct {
		rules   []rule
		samples []sample
	}
	return map[string]pair{
		"screen":         {screenRules(), screenSamples()},
		"supervisor":     {supervisorRules(false), supervisorSamples(false)},
		"supervisor+udp": {supervisorRules(true), supervisorSamples(true)},
	}
}

// TestFilters runs every rule on both machines: what it refuses and what it lets through.
func TestFilters(t *testing.T) {
	for _, m := range []machine{amd64(), arm64()} {
		for name, f := range filters() {
			v := newVM(t, m, f.rules)
			proven := map[string]bool{}
			for _, s := range f.samples {
				proven[s.call] = true
				if got, ok := v.call(s.call, s.args...); ok && got != s.want {
					t.Errorf("%s, %s: %s(%#x) = %#x, want %#x", m.name, name, s.call, s.args, got, s.want)
				}
			}
			for _, r := range f.rules {
				if !proven[r.call] {
					t.Errorf("%s: the rule on %s has no sample", name, r.call)
				}
			}
			raw, err := compile(m, f.rules)
			if err != nil || len(raw) > 4096 { // BPF_MAXINSNS
				t.Errorf("%s, %s: %d instructions, %v", m.name, name, len(raw), err)
			}
		}
	}
}

// TestForeignCalls: the same number means another call on another architecture.
func TestForeignCalls(t *testing.T) {
	const auditI386, auditARM = 0x40000003, 0x40000028
	for _, m := range []machine{amd64(), arm64()} {
		for name, f := range filters() {
			v := newVM(t, m, f.rules)
			for _, arch := range []uint32{auditI386, auditARM, unix.AUDIT_ARCH_X86_64, unix.AUDIT_ARCH_AARCH64, 0} {
				if got := v.raw(arch, 0); arch != m.audit && got != kill {
					t.Errorf("%s, %s: architecture %#x: %#x, want kill", m.name, name, arch, got)
				}
			}
		}
	}
	v := newVM(t, amd64(), screenRules())
	for _, nr := range []uint32{0x40000000, 0x40000000 + 59, 0x40000000 + 520, ^uint32(0)} {
		if got := v.raw(unix.AUDIT_ARCH_X86_64, nr); got != kill {
			t.Errorf("x32 call %#x: %#x, want kill", nr, got)
		}
	}
}

// TestEveryRuleCounts removes one rule after another: some sample must then go wrong.
func TestEveryRuleCounts(t *testing.T) {
	for name, f := range filters() {
		for i, r := range f.rules {
			less := append(append([]rule(nil), f.rules[:i]...), f.rules[i+1:]...)
			broken := false
			for _, m := range []machine{amd64(), arm64()} {
				v := newVM(t, m, less)
				for _, s := range f.samples {
					if got, ok := v.call(s.call, s.args...); ok && got != s.want {
						broken = true
					}
				}
			}
			if !broken {
				t.Errorf("%s: no sample misses rule %d, on %s%v", name, i, r.call, r.when)
			}
		}
	}
}

// TestCompile compares the compiler with the rules' plain meaning, on random rules and calls.
func TestCompile(t *testing.T) {
	names := []string{"socket", "clone", "ioctl", "execve"}
	small := rapid.Uint32Range(0, 3)
	rapid.Check(t, func(rt *rapid.T) {
		gen := rapid.Custom(func(rt *rapid.T) rule {
			r := rule{call: rapid.SampledFrom(names).Draw(rt, "call"), verdict: refuse(unix.Errno(rapid.IntRange(1, 9).Draw(rt, "errno")))}
			for range rapid.IntRange(0, 3).Draw(rt, "conditions") {
				mask := rapid.SampledFrom([]uint32{^uint32(0), 1, 2}).Draw(rt, "mask")
				r.when = append(r.when, match{rapid.IntRange(0, 2).Draw(rt, "arg"), mask, small.Draw(rt, "value") & mask, rapid.Bool().Draw(rt, "not")})
			}
			return r
		})
		rules := rapid.SliceOfN(gen, 0, 8).Draw(rt, "rules")
		v := newVM(t, amd64(), rules)
		name := rapid.SampledFrom(names).Draw(rt, "name")
		args := []uint64{uint64(small.Draw(rt, "a")), uint64(small.Draw(rt, "b")) | 1<<33, uint64(small.Draw(rt, "c"))}
		if got, _ := v.call(name, args...); got != meaning(rules, name, args) {
			rt.Fatalf("%s%v: %#x, want %#x", name, args, got, meaning(rules, name, args))
		}
	})
}

// meaning is what rules say, without a compiler.
func meaning(rules []rule, name string, args []uint64) verdict {
	for _, r := range rules {
		hit := r.call == name
		for _, w := range r.when {
			hit = hit && (uint32(args[w.arg])&w.mask == w.value) != w.not
		}
		if hit {
			return r.verdict
		}
	}
	return allow
}

// TestCallNumbers compares the table with x/sys/unix's, which is generated from the kernel's.
func TestCallNumbers(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", "{{.Dir}}", "golang.org/x/sys/unix").Output()
	if err != nil {
		t.Fatal(err)
	}
	dir := strings.TrimSpace(string(out))
	for _, m := range []machine{amd64(), arm64()} {
		known := constants(t, filepath.Join(dir, fmt.Sprintf("zsysnum_linux_%s.go", m.name)))
		for name, n := range callNumbers() {
			want, ok := known["SYS_"+strings.ToUpper(name)]
			if !ok {
				want = none
			}
			if got := m.number(n); int64(got) != want {
				t.Errorf("%s: %s is %d, want %d", m.name, name, got, want)
			}
		}
	}
}

// constants reads a file of integer constants.
func constants(t *testing.T, file string) map[string]int64 {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]int64{}
	ast.Inspect(f, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok {
			if lit, ok := v.Values[0].(*ast.BasicLit); ok {
				out[v.Names[0].Name], _ = constant.Int64Val(constant.MakeFromLiteral(lit.Value, lit.Kind, 0))
			}
		}
		return true
	})
	return out
}
