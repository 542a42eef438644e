package portal

import (
	"context"
	"embed"
	"io/fs"
	"log/slog"
	"net/http"
	"time"

	"portillon/internal/rehearsal/keys"
	"portillon/internal/rehearsal/mail"
	"portillon/internal/rehearsal/oauth"
	"portillon/internal/rehearsal/password"
	"portillon/internal/rehearsal/store"
	"portillon/internal/rehearsal/university"
	"portillon/internal/rehearsal/web"
)

// Lifetimes and limits of links.
const (
	linkLife   = 24 * time.Hour
	linkResend = 2 * time.Minute // least time between two links to one address
	linkMost   = 5               // links to one address within linkLife
)

// provenLife is how long what a university asserted lets another link be asked for.
const provenLife = 30 * time.Minute

// Deps is what a Portal works with; every member is needed.
type Deps struct {
	URL       string // https://host:port, no trailing slash
	Directory *university.Directory
	Party     *university.Party
	Login     *oauth.Service
	Zone      *time.Location

	DB     *store.DB
	Keys   *keys.Ring
	Hasher *password.Hasher
	Mails  *mail.Queue
	Now    func() time.Time
	Log    *slog.Logger
}

// Portal is the site. It is safe for concurrent use.
type Portal struct {
	Deps
	site *web.Site
}

//go:embed pages/*.html
var pages embed.FS

//go:embed static
var static embed.FS

// New returns a Portal. It fails where pages or words cannot be read.
func New(d Deps) (*Portal, error) {
	pageFiles, err := fs.Sub(pages, "pages")
	if err != nil {
		return nil, err
	}
	staticFiles, err := fs.Sub(static, "static")
	if err != nil {
		return nil, err
	}
	site, err := web.New(web.Config{
		Name: "portal", Words: []string{"portal"}, Pages: pageFiles, Static: staticFiles,
		DB: d.DB, Now: d.Now, Log: d.Log,
		// A university sends the student back from another site: Strict would lose the session.
		SameSite: http.SameSiteLaxMode, Lifetime: 2 * time.Hour, Idle: 30 * time.Minute,
	})
	if err != nil {
		return nil, err
	}
	p := &Portal{Deps: d, site: site}
	p.Directory = d.Directory.Keep(func(u university.University) bool { return d.Party.Has(u.ID) })
	for pattern, h := range map[string]func(*visit) error{
		"GET /{$}":                     p.home,
		"GET /connexion":               p.email,
		"POST /connexion":              p.emailGiven,
		"GET /connexion/choix":         p.choice,
		"POST /connexion/mot-de-passe": p.passwordGiven,
		"POST /connexion/envoi":        p.codeAsked,
		"GET /connexion/code":          p.code,
		"POST /connexion/code":         p.codeGiven,
		"GET /universite":              p.universities,
		"POST /universite":             p.universityChosen,
		"GET /universite/verifier":     p.confirm,
		"POST /universite/verifier":    p.depart,
		"GET /universite/retour/{id}":  p.returned,
		"GET /lien-envoye":             p.linkSent,
		"POST /lien-envoye":            p.linkAgain,
		"GET /lien/{secret}":           p.linkOpened,
		"GET /mot-de-passe":            p.newPassword,
		"POST /mot-de-passe":           p.newPasswordGiven,
		"POST /mot-de-passe/avis":      p.advice,
		"GET /mot-de-passe/cree":       p.created,
		"GET /compte":                  p.account,
		"POST /deconnexion":            p.signOut,
	} {
		site.Handle(pattern, p.with(h))
	}
	return p, nil
}

// ServeHTTP serves the site.
func (p *Portal) ServeHTTP(w http.ResponseWriter, r *http.Request) { p.site.ServeHTTP(w, r) }

// Handler names the pattern that a request matches, for the log.
func (p *Portal) Handler(r *http.Request) (http.Handler, string) { return p.site.Handler(r) }

// Purge forgets sessions that have ended.
func (p *Portal) Purge(ctx context.Context) error { return p.site.Purge(ctx) }

// RedirectPrefix is the address, under a portal's URL, to which a university's ID is
// added to make its redirect URI.
func RedirectPrefix(portalURL string) string { return portalURL + "/universite/retour/" }
