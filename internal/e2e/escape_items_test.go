package e2e

import "testing"

// escapeItem is a line of the list of what must be tried.
type escapeItem struct {
	id    string
	list  string // display, image, network
	words string
	todo  string // why nothing of it is tried yet; empty where tries name it
}

// onImage is why an item is not tried here.
const onImage = "it belongs to the booted image: make image-test"

// escapeItems is the whole list. Every try belongs to one; one that no try belongs to says why.
func escapeItems() []escapeItem {
	return []escapeItem{
		{id: "close", list: "display", words: "Alt+F4, WM_DELETE_WINDOW, Ctrl+Q, Ctrl+W and a browser's own shortcuts"},
		{id: "plain-keys", list: "display", words: "Escape, F1 to F12, Menu, Super, PrintScreen, keys that open programs"},
		{id: "switching", list: "display", words: "Alt+Tab, Ctrl+Alt+T, Ctrl+Alt+Backspace and their kin"},
		{id: "context", list: "display", words: "right click, long press, Shift+F10 on every widget"},
		{id: "selection", list: "display", words: "Ctrl+C, X, V, A, Z and middle click; the password is never in a selection"},
		{id: "grid", list: "display", words: "a click every 20 px on every screen, with programs as baits first in PATH"},
		{id: "server-text", list: "display", words: "server text with Markdown, URLs, control characters, right-to-left marks"},
		{id: "server-text-10mb", list: "display", words: "a server text of 10 MB"},
		{id: "monkey", list: "display", words: "a seeded random monkey for 10 minutes (ESCAPE_LONG=1; otherwise shorter)"},
		{id: "every-key", list: "display", words: "every key and long-press accent while typing on hardware too"},
		{id: "resize", list: "display", words: "another size of window or display"},
		{id: "second-output", list: "display", words: "a second output"},
		{id: "second-client", list: "display", words: "a second client that grabs focus"},
		{id: "spy", list: "display", words: "another program on the display that records, keeps the keyboard or photographs, without a window"},
		{id: "signals", list: "display", words: "SIGTERM, SIGSEGV, SIGKILL of both processes in every state"},
		{id: "clock", list: "display", words: "the clock an hour ahead or behind, of the service and of certificates (the tablet's own is the image's test)"},
		{id: "stop", list: "display", words: "SIGSTOP for 2 minutes (ESCAPE_LONG=1; otherwise shorter)"},
		{id: "inside", list: "display", words: "every probe from inside the running screen process"},
		{id: "peer", list: "display", words: "another process of the tablet's user reads the memory of ours, or has them leave a core"},
		{id: "player", list: "display", words: "the exam itself, from inside the seal that it inherits"},

		{id: "vt", list: "image", words: "ctrl-alt-F1 to F12, alt-arrows", todo: onImage},
		{id: "sysrq", list: "image", words: "alt-sysrq-r, e, i, k, f, b, o, c", todo: onImage},
		{id: "reboot", list: "image", words: "ctrl-alt-delete eight times", todo: onImage},
		{id: "boot", list: "image", words: "boot menu keys, init=/bin/sh, rd.break, systemd.debug_shell", todo: onImage},
		{id: "usb", list: "image", words: "USB storage, network and scripted keyboard", todo: onImage},
		{id: "compositor", list: "image", words: "the compositor killed 50 times", todo: onImage},
		{id: "power-key", list: "image", words: "the power key, the output unplugged", todo: onImage},
		{id: "full", list: "image", words: "memory and disk full", todo: onImage},
		{id: "power-cut", list: "image", words: "power cut during a login, 20 times", todo: onImage},
		{id: "doors", list: "image", words: "serial line, ssh, D-Bus and polkit as the kiosk's user", todo: onImage},
		{id: "traces", list: "image", words: "candidate A's traces after a reset to B: run directories, journal, clipboard", todo: onImage},
		{id: "own-clock", list: "image", words: "the tablet's own clock set an hour ahead or back", todo: onImage},

		{id: "egress", list: "network", words: "everything but the listed hosts, v4 and v6; DNS tunnel, DoH, DoT, QUIC, multipath TCP, Fast Open"},
		{id: "redirect", list: "network", words: "redirect to another host, http downgrade"},
		{id: "certificate", list: "network", words: "wrong, expired, future certificate"},
		{id: "portal", list: "network", words: "captive portal"},
		{id: "bad-network", list: "network", words: "a proxy that stalls or resets 30 % of connections, 2 s latency, a flap every 5 s"},
		{id: "crowd", list: "network", words: "300 tablets at once"},
	}
}

// TestEscapeItems: every item is tried or says why not, and every try belongs to an item.
func TestEscapeItems(t *testing.T) {
	tried := map[string]int{"inside": 1, "egress": 1, "peer": 1, "player": 1} // made of other tests' results
	names := map[string]bool{}
	for _, g := range escapeGroups() {
		for _, c := range g.tries {
			tried[c.item]++
			if name := g.name + "/" + c.name; names[name] {
				t.Errorf("two tries are called %s", name)
			} else {
				names[name] = true
			}
		}
	}
	for _, i := range escapeItems() {
		switch n := tried[i.id]; {
		case n == 0 && i.todo == "":
			t.Errorf("nothing tries %q (%s), and nothing says why", i.id, i.words)
		case n > 0 && i.todo != "":
			t.Errorf("%q is tried, and said not to be: %s", i.id, i.todo)
		}
		delete(tried, i.id)
	}
	for id := range tried {
		t.Errorf("tries of %q, which is no item", id)
	}
}
