package supervisor

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// passedOn are the variables a graphical program needs, and none that could steer it.
func passedOn() []string {
	return []string{"DISPLAY", "XAUTHORITY", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"}
}

// driverPrefixes are those of OpenGL drivers; what works differs from tablet to tablet.
func driverPrefixes() []string {
	return []string{"GALLIUM_", "LIBGL_", "MESA_", "LP_NUM_THREADS="}
}

// graphical is the environment of both children. Dead keys need a UTF-8 locale; C.UTF-8
// is there on every Debian. Without a bus address Fyne and go-keyring would execute
// dbus-launch, and without XAUTHORITY Xlib would look under the HOME we changed.
func graphical(home string) []string {
	env := []string{"HOME=" + home, "LANG=C.UTF-8", "LC_ALL=C.UTF-8", "LANGUAGE=fr"} // LANGUAGE: Fyne cannot read "C"
	for _, name := range passedOn() {
		value := os.Getenv(name)
		if value == "" {
			value = fallback(name)
		}
		if value != "" {
			env = append(env, name+"="+value)
		}
	}
	for _, pair := range os.Environ() {
		for _, prefix := range driverPrefixes() {
			if strings.HasPrefix(pair, prefix) {
				env = append(env, pair)
			}
		}
	}
	return env
}

// fallback is where a library would look, were HOME and the rest as usual; or "".
func fallback(name string) string {
	switch name {
	case "DBUS_SESSION_BUS_ADDRESS":
		dir := os.Getenv("XDG_RUNTIME_DIR")
		if dir == "" {
			dir = "/run/user/" + strconv.Itoa(os.Getuid())
		}
		return "unix:path=" + filepath.Join(dir, "bus")
	case "XAUTHORITY":
		path := filepath.Join(os.Getenv("HOME"), ".Xauthority")
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return ""
}

// screenEnv is the screen process's environment. FYNE_* is never inherited, only given.
// FYNE_CACHE is how long Fyne keeps a texture of what it does not draw any more: a minute, unless told, and
// every text in every size and contrast has its own. That was 35 MB for whoever keeps changing both.
// MALLOC_MMAP_THRESHOLD_ has glibc give large textures back to the system when they go, rather than keep the
// holes they leave: it would raise its own threshold above them at the first that is freed. It is above the 64 and
// 144 KB that Mesa takes and gives back with each object drawn: at 64 KB a key was 117 mappings made and undone.
// Mesa keeps what it compiled of the toolkit's drawing programs in session/ rather than in
// HOME, so that a screen process started anew for the same candidate is there in half the
// time. It is machine code, so it goes with the candidate like everything else.
// allow_rgb10_configs (Mesa's driconf) leaves out ten bits a colour, which nobody has here: a third fewer
// formats to compare with each of the display's, 7 ms of a start. MESA_DEBUG=silent: Mesa would say so each time.
func screenEnv(s *state, extra []string) []string {
	return append(append(graphical(s.screenHome()), "STATE_DIRECTORY="+s.dir, "FYNE_CACHE=20s", "MALLOC_MMAP_THRESHOLD_=163840",
		"MESA_SHADER_CACHE_DIR="+filepath.Join(s.session(), "shaders"), "allow_rgb10_configs=false", "MESA_DEBUG=silent"), extra...)
}

// playerEnv is the player's. It may be a script, so it has a PATH.
func playerEnv(s *state) []string {
	return append(graphical(s.playerHome()), "PATH=/usr/local/bin:/usr/bin:/bin")
}
