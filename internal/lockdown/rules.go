package lockdown

import "golang.org/x/sys/unix"

// Flags that x/sys/unix does not have, or not for every architecture.
const (
	newNamespaces = unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC |
		unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET // not NEWTIME: clone's low byte is a signal
	ioctlPushInput = 0x5412 // TIOCSTI
	ioctlConsole   = 0x541c // TIOCLINUX
	kindMask       = 0xf    // a socket's type without SOCK_CLOEXEC and SOCK_NONBLOCK
)

// all refuses calls whatever their arguments.
func all(v verdict, calls ...string) []rule {
	var out []rule
	for _, c := range calls {
		out = append(out, rule{c, nil, v})
	}
	return out
}

// commonRules hold in both processes and in the player. A deny-list: what graphics
// drivers call differs from tablet to tablet. memfd_create stays (fences and buffers are
// shared through it) but for files that are asked to be executable; kcmp and seccomp stay,
// drivers and browsers use them on themselves.
func commonRules() []rule {
	no := refuse(unix.EPERM)
	rules := all(no,
		// Other processes' memory and descriptors.
		"ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd",
		// Ways around this filter, and large attack surfaces.
		"io_uring_setup", "io_uring_enter", "io_uring_register", "bpf", "perf_event_open", "userfaultfd",
		"add_key", "request_key", "keyctl",
		// Namespaces and mounts.
		"unshare", "setns", "mount", "umount2", "pivot_root", "chroot", "fsopen", "fsconfig", "fsmount", "fspick",
		"move_mount", "open_tree", "open_tree_attr", "mount_setattr",
		// What belongs to the machine and to root.
		"kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module", "swapon", "swapoff",
		"quotactl", "quotactl_fd", "acct", "reboot", "sethostname", "setdomainname", "iopl", "ioperm", "modify_ldt",
		"settimeofday", "clock_settime", "open_by_handle_at", "fanotify_init", "syslog", "vhangup",
	)
	return append(rules,
		rule{"clone", []match{hasAny(0, newNamespaces)}, no},
		// Its flags are behind a pointer. C libraries and Go fall back to clone.
		rule{"clone3", nil, refuse(unix.ENOSYS)},
		rule{"memfd_create", []match{hasAny(1, unix.MFD_EXEC)}, no},
		// Keys typed into somebody's terminal.
		rule{"ioctl", []match{is(1, ioctlPushInput)}, no},
		rule{"ioctl", []match{is(1, ioctlConsole)}, no},
		// Fast Open connects where Landlock does not look.
		rule{"sendto", []match{hasAny(3, unix.MSG_FASTOPEN)}, no},
		rule{"sendmsg", []match{hasAny(2, unix.MSG_FASTOPEN)}, no},
		rule{"sendmmsg", []match{hasAny(3, unix.MSG_FASTOPEN)}, no},
		fastOpenOption(unix.TCP_FASTOPEN), fastOpenOption(unix.TCP_FASTOPEN_CONNECT),
		fastOpenOption(unix.TCP_FASTOPEN_KEY), fastOpenOption(unix.TCP_FASTOPEN_NO_COOKIE),
	)
}

func fastOpenOption(name uint32) rule {
	return rule{"setsockopt", []match{is(1, unix.IPPROTO_TCP), is(2, name)}, refuse(unix.EPERM)}
}

// screenRules: no program, no process, no socket but UNIX ones. The TCP sockets it is
// passed can be spoken through but not turned into servers.
func screenRules() []rule {
	no := refuse(unix.EPERM)
	rules := all(no, "execve", "execveat", "fork", "vfork", "listen", "accept", "accept4")
	rules = append(rules,
		rule{"clone", []match{hasNone(0, unix.CLONE_THREAD)}, no},
		rule{"prctl", []match{is(0, unix.PR_SET_DUMPABLE), isNot(1, 0)}, no},
		rule{"socket", []match{is(0, unix.AF_UNIX)}, allow},
		rule{"socket", nil, refuse(unix.EAFNOSUPPORT)},
	)
	return append(append(rules, socketPairs()...), commonRules()...)
}

func socketPairs() []rule {
	return []rule{
		{"socketpair", []match{is(0, unix.AF_UNIX)}, allow},
		{"socketpair", nil, refuse(unix.EAFNOSUPPORT)},
	}
}

// supervisorRules: plain TCP (Landlock knows the ports), UNIX sockets, and the
// routing netlink that C libraries ask for addresses. Datagrams only when udp.
func supervisorRules(udp bool) []rule {
	rules := []rule{
		{"socket", []match{is(0, unix.AF_UNIX)}, allow},
		{"socket", []match{is(0, unix.AF_NETLINK), is(2, unix.NETLINK_ROUTE)}, allow},
	}
	for _, family := range []uint32{unix.AF_INET, unix.AF_INET6} {
		rules = append(rules, sockets(family, unix.SOCK_STREAM, unix.IPPROTO_TCP)...)
		if udp {
			rules = append(rules, sockets(family, unix.SOCK_DGRAM, unix.IPPROTO_UDP)...)
		}
		rules = append(rules,
			rule{"socket", []match{is(0, family), is(2, unix.IPPROTO_MPTCP)}, refuse(unix.EPROTONOSUPPORT)},
			rule{"socket", []match{is(0, family)}, refuse(unix.EPERM)})
	}
	rules = append(rules, rule{"socket", nil, refuse(unix.EAFNOSUPPORT)})
	return append(append(rules, socketPairs()...), commonRules()...)
}

// sockets allows a family's sockets of a kind, with its protocol said or not.
func sockets(family, kind, protocol uint32) []rule {
	var out []rule
	for _, p := range []uint32{0, protocol} {
		out = append(out, rule{"socket", []match{is(0, family), isMasked(1, kindMask, kind), is(2, p)}, allow})
	}
	return out
}
