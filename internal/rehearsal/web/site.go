package web

import (
	"cmp"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"time"

	"github.com/alexedwards/scs/v2"

	"portillon/internal/rehearsal/store"
	"portillon/internal/words"
)

// DefaultMaxBody bounds the body of a request, in bytes, where Handle is not told
// otherwise.
const DefaultMaxBody = 64 << 10

// Config is what a site is made of. Name, Pages, DB, Now and Log are needed.
type Config struct {
	Name   string   // of cookies and sessions: lower-case letters
	Words  []string // sets of translations beside "web"
	Pages  fs.FS    // NAME.html; those named _NAME.html are part of every page
	Static fs.FS    // further static files; nil: none
	Funcs  template.FuncMap

	DB  *store.DB
	Now func() time.Time
	Log *slog.Logger

	SameSite http.SameSite // of the session's cookie; default Lax, which lets another site's links and redirects arrive signed in
	Lifetime time.Duration // of a session from its beginning or the last Renew; default 12 h
	Idle     time.Duration // a session unused for so long ends; default 30 min
}

// Site serves the pages of one site. It is safe for concurrent use once its last Handle
// returned.
type Site struct {
	Config
	mux      *http.ServeMux
	chain    http.Handler
	sessions *scs.SessionManager
	words    map[string]*words.Words
	pages    map[string]map[string]*template.Template // language → page
	static   map[string]file
	cross    *http.CrossOriginProtection
	newcomer *Limiter
	busy     *Limiter
}

// Handler answers one request: it renders, redirects or writes, or returns an error,
// which becomes the error page: see Error.
type Handler func(*Visit) error

// New returns a Site without routes. It fails where words, pages or static files cannot
// be read.
func New(c Config) (*Site, error) {
	c.SameSite = cmp.Or(c.SameSite, http.SameSiteLaxMode)
	c.Lifetime = cmp.Or(c.Lifetime, 12*time.Hour)
	c.Idle = cmp.Or(c.Idle, 30*time.Minute)
	s := &Site{Config: c, mux: http.NewServeMux(), cross: http.NewCrossOriginProtection()}
	s.words = map[string]*words.Words{}
	for _, lang := range words.Languages() {
		w, err := words.New(lang, append([]string{"web"}, c.Words...)...)
		if err != nil {
			return nil, fmt.Errorf("site %s: %w", c.Name, err)
		}
		s.words[lang] = w
	}
	var err error
	if s.static, err = loadStatic(c.Static); err != nil {
		return nil, fmt.Errorf("site %s: %w", c.Name, err)
	}
	if s.pages, err = s.loadPages(); err != nil {
		return nil, fmt.Errorf("site %s: %w", c.Name, err)
	}
	s.sessions = s.newSessions()
	// A room of students and all who prepare an exam look in at once; a flood does not fill the disk.
	s.newcomer = NewLimiter(100, 2000, c.Now)
	s.busy = NewLimiter(20, 100, c.Now)
	s.mux.Handle("GET /static/", http.HandlerFunc(s.serveStatic))
	s.mux.Handle("/", s.wrap(func(*Visit) error { return NotFound }, DefaultMaxBody))
	s.chain = s.headers(s.sessions.LoadAndSave(s.mux))
	return s, nil
}

// Handle mounts h under a pattern of net/http.ServeMux, "GET /people/{id}". A pattern of
// POST is protected against forged requests. maxBody, where given, bounds the body.
func (s *Site) Handle(pattern string, h Handler, maxBody ...int64) {
	limit := int64(DefaultMaxBody)
	if len(maxBody) > 0 {
		limit = maxBody[0]
	}
	s.mux.Handle(pattern, s.wrap(h, limit))
}

// Handler names the pattern that a request matches, for the log, as ServeMux does.
func (s *Site) Handler(r *http.Request) (http.Handler, string) { return s.mux.Handler(r) }

// ServeHTTP serves the site.
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if _, pattern := s.mux.Handler(r); pattern == "GET /static/" {
		s.headers(s.mux).ServeHTTP(w, r) // no session is read for a stylesheet
		return
	}
	s.chain.ServeHTTP(w, r)
}

// wrap turns a Handler into one of net/http.
func (s *Site) wrap(h Handler, maxBody int64) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := s.visit(w, r)
		v.session, v.limit = true, maxBody
		defer func() {
			if p := recover(); p != nil {
				if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
					panic(p)
				}
				// The value may hold what the request held: only that it happened is logged.
				s.Log.ErrorContext(r.Context(), "page panicked", "site", s.Name, "route", r.Pattern)
				v.fail(errPanic)
			}
		}()
		if v.chooseLanguage() {
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		err := v.admit()
		if err == nil {
			err = h(v)
		}
		if err != nil {
			v.fail(err)
		}
	})
}

var errPanic = errors.New("handler panicked")
