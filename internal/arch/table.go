package arch

// Anything is the May of doorways and of tests.
func anything() []string { return []string{"..."} }

// Table is the plan of the house.
func Table() []Row {
	return []Row{
		{"cmd/...", anything(), "doorways"},
		{"internal/arch", nil, "the rules depend on nothing they judge"},
		{"internal/e2e/...", anything(), "tests"},
		{"internal/faults", nil, "what fails on purpose knows nothing of what it fails"},
		{"internal/bench/...", anything(), "measures the built programs, as the tests do"},

		{"assets", nil, "assets are bytes: whoever needs meaning adds it"},
		{"internal/identity", nil, "the port knows neither its adapters nor its callers"},
		{"internal/identity/httpwire", []string{"internal/identity"}, "how secrets and errors travel is the same for every protocol, and is written once"},
		{"internal/identity/fipa", []string{"internal/identity", "internal/identity/httpwire", "internal/wire", "internal/dpop"}, "an adapter knows the port and its own protocol"},
		{"internal/identity/cas", []string{"internal/identity", "internal/identity/httpwire"}, "an adapter knows the port and its own protocol"},
		{"internal/identity/kratos", []string{"internal/identity", "internal/identity/httpwire"}, "an adapter knows the port and its own protocol"},
		{"internal/identity/identitytest", []string{"internal/identity"}, "the conformance suite favours no adapter"},
		{"internal/provider", []string{"internal/config", "internal/dpop", "internal/identity/..."},
			"one place knows every adapter; adapters and port know no configuration"},
		{"internal/wire", nil, "the protocol's words are shared: both sides must be able to read them"},
		{"internal/dpop", nil, "proofs are shared by supervisor, adapter and service"},
		{"internal/procedure", nil, "what the guide knows depends on nothing"},
		{"internal/config", nil, "the centre's file is read by everyone and reads no one"},

		{"internal/login", []string{"internal/identity", "internal/procedure"}, "login stays pure"},
		{"internal/vault", []string{"internal/identity"}, "the vault keeps what identity sealed and knows no one else"},
		{"internal/keyring", []string{"internal/vault"}, "what starts the keyring asks the vault whether it is open, and keeps nothing itself"},
		{"internal/words", []string{"assets"}, "words come from the translation files alone"},

		{"internal/lockdown", []string{"internal/config"}, "the lockdown trusts as little code as possible"},
		{"internal/egress", []string{"internal/config", "internal/lockdown"}, "what may change the firewall knows hosts, and nothing of logins"},
		{"internal/supervisor", []string{"internal/config", "internal/lockdown", "internal/dpop"},
			"the unsealed side parses nothing that a server or a student wrote"},
		// login: the checks come as login.Check, the words through words.
		{"internal/preflight/preflighttest", nil, "made-up machines know no check"},
		{"internal/preflight", []string{"internal/config", "internal/lockdown", "internal/identity", "internal/login", "internal/words"},
			"preflight looks and reports; it acts on nothing"},
		{"internal/backoff", nil, "how long to wait depends on nothing"},
		{"internal/kiosk", []string{"internal/backoff", "internal/login", "internal/identity", "internal/vault", "internal/preflight", "internal/supervisor", "internal/config"},
			"the loop carries out effects; it neither draws nor speaks a protocol"},

		{"internal/ui/...", []string{"internal/ui/...", "internal/login", "internal/identity", "internal/procedure", "internal/words", "assets"},
			"screens draw a View and report events; they reach nothing"},

		{"internal/storm", []string{"internal/backoff", "internal/identity/...", "internal/config", "internal/dpop", "internal/provider"}, "a storm is made of the real adapters"},
		{"internal/update", []string{"internal/config"}, "when to look for news is decided without reading or sending anything"},
		{"internal/image", []string{"internal/config", "internal/lockdown", "internal/dpop", "internal/update", "assets"},
			"the image is planned from its definitions, and closed by lockdown's own ruleset"},
		{"internal/demo", []string{"internal/config"}, "a demonstration starts the real programs and reads what they print"},
		{"internal/ctl", []string{"internal/config", "internal/demo", "internal/dpop", "internal/egress", "internal/identity/...", "internal/image", "internal/keyring", "internal/lockdown",
			"internal/login", "internal/preflight", "internal/provider", "internal/storm", "internal/supervisor", "internal/update", "internal/vault", "internal/wire", "internal/words"},
			"the centre's command draws nothing and keeps no session"},

		{"internal/realidp/...", []string{"internal/rehearsal/mailbox"}, "real servers are started for tests; the adapters under test come in by the tests"},

		{"internal/postgrestest", nil, "a database for tests knows none of them"},
		{"internal/rehearsal/...", []string{"internal/rehearsal/...", "internal/wire", "internal/dpop", "internal/procedure", "internal/words", "assets"},
			"the service is the other side: it shares words with the tablet, not code"},
	}
}

// Bans is what the table cannot say: packages that are not the project's.
func Bans() []Ban {
	return []Ban{
		{
			Packages: []string{"internal/login"},
			Imports: []string{"net/...", "os/...", "log/...", "syscall", "fyne.io/...", "io/fs", "math/rand/...",
				"crypto/rand", "sync/...", "context"},
			Why: "login stays pure",
		},
		{
			Packages: []string{"..."},
			Except:   []string{"internal/ui/...", "cmd/portillon", "internal/e2e/...", "internal/bench/..."},
			Imports:  []string{"fyne.io/..."},
			Why:      "only internal/ui and cmd/portillon see Fyne",
		},
		{
			Packages: []string{"..."},
			Except:   []string{"cmd/portillon", "internal/bench/bare"}, // bare: a window to measure against
			Imports:  []string{"fyne.io/fyne/v2/app"},
			Why:      "screens are tested without cgo and without a display",
		},
		{
			Packages: []string{"internal/..."},
			Except:   []string{"internal/supervisor", "internal/egress", "internal/keyring", "internal/demo", "internal/image", "internal/ctl", "internal/realidp", "internal/postgrestest", "internal/e2e/...", "internal/bench/...", "internal/arch"},
			Imports:  []string{"os/exec", "plugin"},
			Why:      "the screen process executes nothing",
		},
		{
			Packages: []string{"internal/supervisor", "internal/lockdown"},
			Imports:  []string{"net/http/...", "crypto/tls", "html/...", "encoding/xml"},
			Why:      "the unsealed side parses nothing that a server or a student wrote",
		},
		{
			Packages: []string{"internal/identity", "internal/wire", "internal/config", "internal/procedure", "internal/words"},
			Imports:  []string{"net/http/...", "os/exec", "log/..."},
			Why:      "values and words reach nothing",
		},
	}
}

// Clocks are the functions of package time that read the clock or wait for it; where
// time comes in as an event none of them may be called.
func clocks() []string {
	return []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick"}
}

// clockless are the packages for which that holds.
func clockless() []string { return []string{"internal/login", "internal/procedure", "internal/update"} }

// MaxLines is how long a file that is no test may be.
const MaxLines = 400

// unfinished are the words of work put off.
func unfinished() []string { return []string{"TODO", "FIXME", "XXX", "TBD"} }
