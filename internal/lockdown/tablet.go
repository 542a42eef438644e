package lockdown

import (
	"path/filepath"

	"portillon/internal/config"
)

// TabletSupervisor is how a tablet with this configuration seals its supervisor. session is
// supervisor.SessionDir's: the device key is nobody's, once it is read. runtime is
// XDG_RUNTIME_DIR; read are further files that both processes read.
func TabletSupervisor(c *config.Config, session, runtime string, read ...string) SupervisorOptions {
	return SupervisorOptions{Mode: c.Lockdown, State: session, Runtime: runtime, Hosts: c.EgressHosts(),
		Read: readByBoth(c, read), Player: c.Exam.Command}
}

// TabletScreen is how it seals its screen process. Arguments as TabletSupervisor's.
func TabletScreen(c *config.Config, session, runtime string, read ...string) ScreenOptions {
	return ScreenOptions{Mode: c.Lockdown, Session: session, Runtime: runtime, Read: readByBoth(c, read)}
}

// readByBoth are the files beside the system's that both processes read.
func readByBoth(c *config.Config, more []string) []string {
	label := filepath.Join(filepath.Dir(c.Path), config.LabelFile)
	return append([]string{c.Path, c.Path + config.SignatureSuffix, label, c.Identity.CAFile, ExistingXauthority()}, more...)
}
