package cockpit

import (
	"embed"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"portillon/internal/procedure"
	"portillon/internal/rehearsal/keys"
	"portillon/internal/rehearsal/password"
	"portillon/internal/rehearsal/people"
	"portillon/internal/rehearsal/store"
	"portillon/internal/rehearsal/web"
)

//go:embed pages/*.html
var pages embed.FS

//go:embed static
var static embed.FS

// Deps is what a cockpit works with; every member is needed.
type Deps struct {
	DB     *store.DB
	Keys   *keys.Ring
	Hasher *password.Hasher
	Every  time.Duration // how often changes of addresses take effect
	Zone   *time.Location
	Now    func() time.Time
	Log    *slog.Logger
}

type cockpit struct{ Deps }

// New returns the cockpit's site.
func New(d Deps) (*web.Site, error) {
	pageFS, err := fs.Sub(pages, "pages")
	if err != nil {
		return nil, fmt.Errorf("cockpit: %w", err)
	}
	staticFS, err := fs.Sub(static, "static")
	if err != nil {
		return nil, fmt.Errorf("cockpit: %w", err)
	}
	site, err := web.New(web.Config{
		Name: "cockpit", Words: []string{"cockpit"}, Pages: pageFS, Static: staticFS, Funcs: funcs(),
		DB: d.DB, Now: d.Now, Log: d.Log, SameSite: http.SameSiteStrictMode,
	})
	if err != nil {
		return nil, err
	}
	c := &cockpit{d}
	site.Handle("GET /{$}", func(v *web.Visit) error { return v.Redirect("/personnes") })
	site.Handle("GET /connexion", c.showSignIn)
	site.Handle("POST /connexion", c.signIn)
	site.Handle("POST /deconnexion", c.signOut)
	site.Handle("GET /confidentialite", c.privacy)
	site.Handle("GET /personnes", c.staff(store.RoleReader, c.list))
	site.Handle("POST /personnes", c.staff(store.RoleReader, c.search))
	site.Handle("GET /personnes/{id}", c.staff(store.RoleReader, c.showPerson))
	site.Handle("POST /personnes/{id}", c.staff(store.RoleManager, c.updatePerson))
	site.Handle("POST /personnes/{id}/adresses", c.staff(store.RoleManager, c.addAddress))
	site.Handle("POST /personnes/{id}/adresses/supprimer", c.staff(store.RoleManager, c.removeAddress))
	site.Handle("POST /personnes/export", c.staff(store.RoleManager, c.export))
	site.Handle("POST /personnes/majoration", c.staff(store.RoleManager, c.extraTime))
	site.Handle("GET /import", c.staff(store.RoleManager, c.showImport))
	site.Handle("GET /import/modele", c.staff(store.RoleManager, c.sample))
	site.Handle("POST /import", c.staff(store.RoleManager, c.tryImport), people.MaxSheet+64<<10)
	site.Handle("POST /import/confirmer", c.staff(store.RoleManager, c.doImport))
	site.Handle("GET /journal", c.staff(store.RoleAdmin, c.log))
	return site, nil
}

// call is a visit by a member of staff.
type call struct {
	*web.Visit
	staff store.Staff
}

// may reports whether the member of staff has a role or a greater one.
func (v *call) may(r store.Role) bool {
	return slices.Index(store.Roles(), v.staff.Role) >= slices.Index(store.Roles(), r)
}

// staff lets those in who are signed in and have the role; others sign in first.
func (c *cockpit) staff(role store.Role, h func(*call) error) web.Handler {
	return func(v *web.Visit) error {
		s, in, err := c.who(v)
		switch {
		case err != nil:
			return err
		case !in && v.R.Method == http.MethodGet:
			return v.Redirect("/connexion?" + url.Values{"retour": {v.R.URL.RequestURI()}}.Encode())
		case !in:
			return v.Redirect("/connexion")
		}
		k := &call{v, s}
		if !k.may(role) {
			return web.Forbidden
		}
		v.Identify(reader{s.Name, s.Role})
		return h(k)
	}
}

// Keys of the session.
const (
	keyStaff = "staff"
	keyEpoch = "epoch"
)

// who finds the member of staff the session is of: one who was not shut out, and whose
// password did not change since.
func (c *cockpit) who(v *web.Visit) (s store.Staff, in bool, err error) {
	id, err := strconv.ParseInt(v.Get(keyStaff), 10, 64)
	if err != nil {
		return s, false, nil //nolint:nilerr // nobody is signed in
	}
	err = c.DB.Read(v.Context(), func(tx *store.Tx) error {
		s, in, err = tx.StaffByID(id)
		return err
	})
	return s, in && s.DisabledAt.IsZero() && strconv.FormatInt(s.Epoch, 10) == v.Get(keyEpoch), err
}

// next is the slot at which a change of now takes effect.
func (c *cockpit) next(now time.Time) time.Time { return procedure.NextOf(now, c.Every) }

// moment says when, as the exam's clocks show it; with the day where it is another.
func (c *cockpit) moment(v *web.Visit, t time.Time) string {
	t, now := t.In(c.Zone), v.Now().In(c.Zone)
	key := "cockpit.time"
	if t.YearDay() != now.YearDay() || t.Year() != now.Year() {
		key = "cockpit.day"
	}
	if t.Second() != 0 { // slots of a demonstration
		key = "cockpit.time.seconds"
	}
	hour := t.Format("15")
	if v.Lang() == "fr" {
		hour = strconv.Itoa(t.Hour())
	}
	return v.Say(key, 0, map[string]string{
		"hour": hour, "minute": t.Format("04"), "second": t.Format("05"), "date": t.Format("02/01/2006"),
	})
}

func (c *cockpit) privacy(v *web.Visit) error {
	s, in, err := c.who(v)
	if err != nil {
		return err
	}
	if in {
		v.Identify(reader{s.Name, s.Role})
	}
	return v.Render("privacy", store.AuditMonths)
}

// reader is who is signed in, as pages see it.
type reader struct {
	Name string
	Role store.Role
}

// Manager reports whether the reader may change people.
func (r reader) Manager() bool { return r.Role == store.RoleManager || r.Role == store.RoleAdmin }

// Admin reports whether the reader may see the log.
func (r reader) Admin() bool { return r.Role == store.RoleAdmin }
