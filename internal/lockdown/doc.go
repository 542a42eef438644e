// Package lockdown takes away from the tablet's two processes what neither of them
// needs, and tries to get it back to prove that it is gone: Landlock and seccomp
// (SealSupervisor, SealScreen, ScopeScreen), the probes (Probe), and the egress policy
// of the machine (Ruleset, Elements), which internal/egress keeps in step. Linux only.
//
// cmd/portillon seals; internal/preflight and portillonctl doctor call Probe;
// portillonctl egress calls Ruleset, internal/egress calls Elements. internal/supervisor is handed SealSupervisor
// as its Options.SealParent and Resolver as its Options.Resolver.
//
//	supervisor.Run ── SealParent: SealSupervisor ──┬── exam player: inherits
//	  the thread that starts: ScopeChildren        └── screen process: inherits, and
//	    supervisor.Connect → SealScreen → window → first frame → ScopeScreen → Check → input
//
// # Where to call
//
// SealSupervisor: once, when the state directories and the device key are there and before
// the first child (supervisor.Options.SealParent is that place). Check with
// SupervisorOptions.Probes right after: it starts programs where it can, so before any child.
//
// ScopeChildren: after that, on the thread that starts all children.
//
// SealScreen: in the screen process, right after supervisor.Connect and before anything of
// the toolkit runs. Connections to the session bus may be made before or after.
//
// ScopeScreen: after the first frame and before any input is accepted. Not before: libxcb
// tries the abstract socket first and does not fall back when it is refused. A connection
// to the X server that is made later must name the socket's path, or is refused.
//
// Under config.LockdownRequired each of them returns an error when any part could
// not be established, and the caller must show no login. What was applied by then stays: the
// process is to show why and end. Under config.LockdownOff each applies what the
// kernel allows, returns nil for what it does not, and the Report says what is missing.
//
// # What the player inherits
//
// No new privileges (no setuid program gains anything), no core dump, SealSupervisor's
// Landlock domain and its filter; neither can be undone. So a player
//
//   - executes its own program, that program's interpreters, and what
//     SupervisorOptions.PlayerExecute names;
//   - reads the system's libraries, fonts and settings, its own directory, and
//     SupervisorOptions.Read;
//   - writes SupervisorOptions.State and Runtime;
//   - connects TCP to the ports of the configured hosts and to 53, binds no TCP port,
//     and has no UDP unless SupervisorOptions.UDP says so: a player that resolves with glibc
//     needs "options use-vc" in resolv.conf or RES_OPTIONS=use-vc in its environment;
//   - signals nothing but its own and the screen process (ScopeChildren);
//   - makes no namespace and traces no process: a browser's own sandbox does not start
//     under it.
//
// A player that needs more belongs in a unit and under a uid of its own, started by the
// service manager.
//
// # What each mechanism cannot do
//
// Landlock knows TCP ports, not addresses, and no UDP before ABI 10; it does not see
// MPTCP, Fast Open, memory files (memfd) or what ld.so maps. The filter sees numbers and
// not what pointers point to, so neither addresses nor paths. Together they close each
// other's holes in the screen process. Two remain in the supervisor, which
// executes dynamically linked programs: ld.so runs any file that is readable, so programs' own
// directories are not; and a memory file can be executed unless the machine has
// sysctl vm.memfd_noexec=1 or 2 (Report has it as PartMemfd, as advice). memfd_create
// itself stays: graphics drivers share buffers and fences through it.
//
// And one that no kernel before ABI 9 closes: UNIX sockets with a path. Whoever may
// connect to a service manager (systemd --user) or to a bus that starts services can have
// programs run outside of every seal. The image has neither: a private bus without
// activation, and no user manager.
package lockdown
