package config

import (
	"fmt"
	"io"
	"os"
	"time"
	_ "time/tzdata" // the tablet's image holds no zone files

	"github.com/pelletier/go-toml/v2/unstable"
)

// MaxBytes bounds a configuration file.
const MaxBytes = 64 << 10

// Load reads the file at path. It fails with what opening or reading it gives
// (errors.Is fs.ErrNotExist), or with Errors.
func Load(path string) (*Config, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	data, err := io.ReadAll(io.LimitReader(f, MaxBytes+1))
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	return Parse(path, data)
}

// Parse reads a configuration from its bytes; name stands for the file in
// errors. The error is Errors or nil.
func Parse(name string, data []byte) (*Config, error) {
	if len(data) > MaxBytes {
		return nil, Errors{{File: name, Msg: fmt.Sprintf("longer than %d KiB", MaxBytes>>10)}}
	}
	r := &reader{document: readDocument(name, data)}
	c := &Config{
		Path:     name,
		Raw:      data,
		Lockdown: Lockdown(r.str("lockdown", filled, oneOf(string(LockdownRequired), string(LockdownOff)))),
		Language: r.str("language", filled, oneOf("fr", "en")),
		Timezone: r.location("timezone"),
		Centre:   readCentre(r),
		Identity: readIdentity(r),
		Login:    readLogin(r),
		doc:      r.document,
	}
	r.table("session")
	c.Session = Session{MaxAge: r.duration("session.max_age", time.Second, 24*time.Hour)}
	r.table("exam")
	c.Exam = Exam{
		Command: r.list("exam.command", filled, argument),
		Hosts:   r.list("exam.hosts", present, hostPort),
	}
	if cmd := r.byPath["exam.command"]; len(c.Exam.Command) > 0 && c.Exam.Command[0] != "" {
		r.checked(cmd.elems[0].line, "exam.command[0]", c.Exam.Command[0], []check{absolutePath})
	}
	r.unknown()
	if len(r.errs) == 0 {
		r.verdict(data)
	}
	if len(r.errs) > 0 {
		r.errs.sort()
		return nil, r.errs
	}
	return c, nil
}

func readCentre(r *reader) Centre {
	r.table("centre")
	return Centre{
		Name:         r.str("centre.name", filled, label),
		Room:         r.str("centre.room", filled, label),
		Tablet:       r.str("centre.tablet", present, label),
		LocalPhone:   r.str("centre.local_phone", optional, phone),
		SupportPhone: r.str("centre.support_phone", filled, phone),
		SupportURI:   r.str("centre.support_uri", filled, httpsURI),
		BatteryMin:   r.integer("centre.battery_min", 0, 100),
		UpdateURI:    r.str("centre.update_uri", present, httpsURI),
		ImageWindow:  r.window("centre.image_window"),
	}
}

func readIdentity(r *reader) Identity {
	r.table("identity")
	return Identity{
		Provider:  r.str("identity.provider", filled, oneOf("fipa", "cas", "kratos")),
		Issuer:    r.str("identity.issuer", filled, httpsURI, issuer),
		ClientID:  r.str("identity.client_id", filled, token),
		Scope:     r.str("identity.scope", filled, scope),
		Pins:      r.list("identity.pins", filled, pin),
		CAFile:    r.str("identity.ca_file", present, absolutePath),
		CodeValid: r.duration("identity.code_valid", time.Second, 10*time.Minute),
		RetryMost: r.durationOr("identity.retry_most", 5*time.Second, 5*time.Minute, 15*time.Second),
		CAS:       readCAS(r),
	}
}

func readCAS(r *reader) *CAS {
	const key = "identity.cas"
	written := r.table(key)
	// The provider itself was checked just before; a wrong one is one error, not two.
	isCAS, known := false, false
	if p := r.byPath["identity.provider"]; p != nil && p.kind == unstable.String {
		isCAS = p.text == "cas"
		known = oneOf("fipa", "cas", "kratos")(p.text) == ""
	}
	if !written && isCAS && !r.broken {
		r.fail(r.lineAbove(key), key, `missing: provider "cas" needs this table`)
	}
	if !written {
		return nil
	}
	if known && !isCAS {
		// A centre that moves from one server to another keeps both; only the
		// types are looked at.
		for _, name := range []string{"mode", "redirect_uri", "service"} {
			r.str(key+"."+name, optional)
		}
		return nil
	}
	needed := func(mode string) need {
		if e := r.byPath[key+".mode"]; e != nil && e.text == mode {
			return filled
		}
		return optional
	}
	return &CAS{
		Mode:        r.str(key+".mode", filled, oneOf("oauth", "service")),
		RedirectURI: r.str(key+".redirect_uri", needed("oauth"), httpsURI),
		Service:     r.str(key+".service", needed("service"), httpsURI),
	}
}

func readLogin(r *reader) Login {
	r.table("login")
	return Login{
		Exam:       r.str("login.exam", filled, label),
		Domains:    r.list("login.domains", filled, mailDomain),
		RememberMe: r.str("login.remember_me", filled, oneOf("offered", "hidden")),
		IdleReset:  r.duration("login.idle_reset", 5*time.Second, 30*time.Minute),
		SetupURI:   r.str("login.setup_uri", filled, httpsURI),
	}
}
