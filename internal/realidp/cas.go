package realidp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"portillon/internal/rehearsal/mailbox"
)

// What CAS is told of the world: a client for the mode oauth, a service for the mode service.
const (
	CASClient   = "portillon"
	CASCallback = "https://portillon.example/callback"
	CASService  = "https://evaluation.example/login/index.php"
)

// Services and a client where CAS wants more of everybody than a password or a code.
const (
	CASTerms        = "https://terms.example/"   // terms of use to accept
	CASConsent      = "https://consent.example/" // attributes whose release is to be agreed to
	CASSecondFactor = "https://factor.example/"  // a token by mail, after the password
	CASApproval     = "approval"                 // a client that each person is asked to approve of
)

// CASOptions are what tests change.
type CASOptions struct {
	// CodeLife is how long a code lives, in whole seconds; 0: 180 s, CAS's own default.
	CodeLife time.Duration
	// FlowLife has CAS keep flows in its own memory, and forget those that nobody has touched for so
	// long, in whole minutes; 0: a flow is in its page, and lives for as long as the key it is
	// sealed with, CAS's own default.
	FlowLife time.Duration
	// Throttle has CAS refuse a name that has failed within the last 5 minutes.
	Throttle bool
	// OnePage has CAS ask for identifier and password on one page, as it does without passwordless
	// login.
	OnePage bool
}

// CAS is an Apereo CAS of the test's own. Make it with StartCAS; its methods but Codes and
// Attempts must not be called at once.
type CAS struct {
	// URL is the base address; CAFile holds its certificate's authority, and Pin is that
	// authority's key, as a tablet is configured with it.
	URL, CAFile, Pin string

	program *CASProgram
	dir     string
	port    int
	options CASOptions
	people  map[string]casPerson
	box     *mailbox.Box
	mail    *mailbox.Servers
	process *process // nil while stopped
}

type casPerson struct {
	ID       string `json:"id"`
	Email    string `json:"email"`
	Name     string `json:"name"`
	Password string `json:"password,omitempty"`
	State    string `json:"state,omitempty"`
}

// casReadyWithin is generous: a machine with two cores and other work takes minutes.
const casReadyWithin = 8 * time.Minute

// StartCAS runs the program on loopback with everything it keeps in dir, an empty directory of
// the caller's, and waits until it shows its first page. Close ends it. Sessions, codes and
// flows are in its memory: Stop forgets them.
func StartCAS(ctx context.Context, program *CASProgram, dir string, o CASOptions) (*CAS, error) {
	c := &CAS{program: program, dir: dir, options: o, people: map[string]casPerson{}, box: mailbox.New(time.Now)}
	err := c.setUp(ctx)
	if err == nil {
		err = c.Start(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("realidp: start CAS: %w", err), c.Close(ctx))
	}
	return c, nil
}

func (c *CAS) setUp(ctx context.Context) (err error) {
	if c.mail, err = c.box.Serve(ctx, nil, time.UTC); err != nil {
		return err
	}
	if c.port, err = freePort(ctx); err != nil {
		return err
	}
	c.URL = "https://127.0.0.1:" + strconv.Itoa(c.port) + "/cas"
	c.CAFile = filepath.Join(c.dir, "ca.pem")
	cert, err := certify(time.Now())
	if err != nil {
		return err
	}
	c.Pin = cert.pin
	for name, text := range map[string][]byte{
		"ca.pem": cert.authority, "chain.pem": cert.chain, "key.pem": cert.key,
		"wiring.groovy": casWiring, "application.properties": []byte(c.settings()),
	} {
		if err := os.WriteFile(filepath.Join(c.dir, name), text, 0o600); err != nil {
			return err
		}
	}
	return c.Clear()
}

func (c *CAS) logFile() string    { return filepath.Join(c.dir, "cas.log") }
func (c *CAS) peopleFile() string { return filepath.Join(c.dir, "people.json") }

// Start runs the server again after Stop, and waits until it is ready.
func (c *CAS) Start(ctx context.Context) error {
	log, err := os.OpenFile(c.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the process has its own
	// Its end is Stop's to bring about, not ctx's. What makes Java fast after minutes would make it
	// start later; the tests never get that far.
	cmd := exec.Command(c.program.java, "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx768m",
		"-Drealidp.people="+c.peopleFile(), "-Drealidp.one.page="+strconv.FormatBool(c.options.OnePage),
		"-Drealidp.code.seconds="+strconv.Itoa(int(c.codeLife()/time.Second)), "-Djava.io.tmpdir="+c.dir,
		"-cp", c.dir+":"+filepath.Join(c.program.lib, "*"), "org.springframework.boot.SpringApplication",
		"--spring.main.sources=org.apereo.cas.web.CasWebApplication,file:"+filepath.Join(c.dir, "wiring.groovy"))
	cmd.Dir, cmd.Stdout, cmd.Stderr = c.dir, log, log
	p, err := begin(cmd)
	if err != nil {
		return err
	}
	c.process = p
	client, err := c.client()
	if err != nil {
		return err
	}
	if err := p.readyWithin(ctx, casReadyWithin, func(ctx context.Context) error { return c.warm(ctx, client) }); err != nil {
		return fmt.Errorf("%w\n%s", err, lastWords(c.logFile()))
	}
	return nil
}

// warm has CAS show the pages that are slow the first time: it makes their parts on demand.
func (c *CAS) warm(ctx context.Context, client *http.Client) error {
	for _, path := range []string{"/login?service=" + CASService, "/oauth2.0/profile"} {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL+path, nil)
		if err != nil {
			return err
		}
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, resp.Body)
		if err := errors.Join(err, resp.Body.Close()); err != nil {
			return err
		}
		if resp.StatusCode >= http.StatusInternalServerError {
			return fmt.Errorf("%s: %s", path, resp.Status)
		}
	}
	return nil
}

func (c *CAS) client() (*http.Client, error) {
	roots, err := c.Roots()
	if err != nil {
		return nil, err
	}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, DisableKeepAlives: true}}, nil
}

// Roots are the authority of the server's certificate.
func (c *CAS) Roots() (*x509.CertPool, error) { return roots(c.CAFile) }

// Stop ends the server, which forgets its sessions, flows and codes. One that is not running is
// left alone.
func (c *CAS) Stop() error {
	p := c.process
	c.process = nil
	return p.stop()
}

// Close ends the server and its mailbox. What is in the directory is the caller's.
func (c *CAS) Close(ctx context.Context) error {
	err := c.Stop()
	if c.mail != nil {
		err = errors.Join(err, c.mail.Close(ctx))
	}
	return err
}

// Add makes an account. The server reads it at the next login.
func (c *CAS) Add(p Person) error {
	for _, address := range []string{p.Email, p.Secondary} {
		if address != "" {
			c.people[address] = casPerson{ID: p.Email, Email: address, Name: p.Name, Password: p.Password, State: p.State}
		}
	}
	return c.save()
}

// Clear removes all accounts.
func (c *CAS) Clear() error {
	clear(c.people)
	return c.save()
}

func (c *CAS) save() error {
	text, err := json.Marshal(c.people)
	if err != nil {
		return err
	}
	fresh := c.peopleFile() + ".new"
	if err := os.WriteFile(fresh, text, 0o600); err != nil {
		return err
	}
	return os.Rename(fresh, c.peopleFile())
}

// Codes lists the codes mailed to an address so far, oldest first.
func (c *CAS) Codes(to string) []string { return codes(c.box, to) }

// Attempts counts the passwords and codes that CAS has judged, by its own audit trail.
func (c *CAS) Attempts() (int, error) {
	text, err := os.ReadFile(c.logFile())
	if err != nil {
		return 0, err
	}
	n := 0
	for line := range strings.Lines(string(text)) {
		if slices.Contains([]string{"ACTION: AUTHENTICATION_SUCCESS", "ACTION: AUTHENTICATION_FAILED"}, strings.TrimSpace(line)) {
			n++
		}
	}
	return n, nil
}

// Complaints are the last n lines of the server's log that are errors.
func (c *CAS) Complaints(n int) string {
	text, err := os.ReadFile(c.logFile())
	if err != nil {
		return err.Error()
	}
	var out []string
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, " ERROR ") || strings.HasPrefix(line, "Caused by") {
			out = append(out, line)
		}
	}
	return strings.Join(out[max(0, len(out)-n):], "")
}
