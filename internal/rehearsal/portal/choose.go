package portal

import (
	"errors"
	"net/http"
	"net/url"

	"portillon/internal/rehearsal/university"
	"portillon/internal/rehearsal/web"
	"portillon/internal/wire"
)

// universitiesPage is the data of universities.html.
type universitiesPage struct {
	Query    string
	List     []university.University
	Likely   *university.University // whose domain the e-mail has; nil: none
	Total    int
	Declined bool
	Wrong    wrong
}

func (p *Portal) universities(v *visit) error {
	return v.Render("universities", p.universitiesPage(v, v.R.URL.Query().Get("q")))
}

func (p *Portal) universitiesPage(v *visit, query string) universitiesPage {
	page := universitiesPage{Query: query, List: p.Directory.Search(query), Total: len(p.Directory.All())}
	if u, ok := p.Directory.ByAddress(v.flow.Typed); ok {
		page.Likely = &u
	}
	return page
}

// universityChosen goes to the university, unless another was likelier meant: then it
// asks first.
func (p *Portal) universityChosen(v *visit) error {
	u, ok := p.Directory.Get(v.R.PostFormValue("university"))
	if !ok {
		page := p.universitiesPage(v, "")
		page.Wrong.Key = "portal.university.none"
		return v.RenderStatus(http.StatusUnprocessableEntity, "universities", page)
	}
	likely, known := p.Directory.ByAddress(v.flow.Typed)
	if known && likely.ID != u.ID || !known && len(p.Directory.Near(u)) > 0 {
		v.flow.Chosen = u.ID
		return v.moveOn("/universite/verifier")
	}
	return p.leave(v, u, false)
}

// confirmPage is the data of confirm.html.
type confirmPage struct {
	Chosen university.University
	Near   []university.University
	Likely *university.University // that of the e-mail, where it is another
	Typed  string
}

func (p *Portal) confirm(v *visit) error {
	u, ok := p.Directory.Get(v.flow.Chosen)
	if !ok {
		return v.Redirect("/universite")
	}
	page := confirmPage{Chosen: u, Near: p.Directory.Near(u), Typed: v.flow.Typed}
	if likely, known := p.Directory.ByAddress(v.flow.Typed); known && likely.ID != u.ID {
		page.Likely, page.Near = &likely, nil
	}
	return v.Render("confirm", page)
}

func (p *Portal) depart(v *visit) error {
	u, ok := p.Directory.Get(v.R.PostFormValue("university"))
	if !ok {
		return v.Redirect("/universite")
	}
	return p.leave(v, u, v.R.PostFormValue("anew") != "")
}

// leave sends the browser to the university. A page of its own does: a browser holds
// the redirects after a form against the policy of the form's page.
func (p *Portal) leave(v *visit, u university.University, anew bool) error {
	attempt, address, err := p.Party.Begin(v.Context(), u, anew)
	if err != nil {
		return p.refused(v, u, err)
	}
	v.flow.Attempt, v.flow.Chosen = attempt, ""
	if err := v.keep(); err != nil {
		return err
	}
	return v.Render("leave", leavePage{u.Name, address})
}

// leavePage is the data of leave.html.
type leavePage struct{ Name, Address string }

// returned takes a university's answer, once.
func (p *Portal) returned(v *visit) error {
	u, ok := p.Directory.Get(v.R.PathValue("id"))
	if !ok {
		return web.NotFound
	}
	attempt := v.flow.Attempt
	v.flow.Attempt = university.Attempt{}
	if err := v.keep(); err != nil {
		return err
	}
	answer, err := url.ParseQuery(v.R.URL.RawQuery)
	if err != nil {
		return &web.Error{Status: http.StatusBadRequest, Key: "portal.return.forged", Err: err}
	}
	who, err := p.Party.Finish(v.Context(), attempt, u, answer)
	if err != nil {
		return p.refused(v, u, err)
	}
	f := flow{Typed: v.flow.Typed, Proven: proven{who.Address, who.Name, u.ID, p.Now()}}
	if err := v.restart(f); err != nil {
		return err
	}
	if _, err := p.sendLink(v); err != nil {
		return err
	}
	return v.moveOn("/lien-envoye")
}

// returnPage is the data of return.html.
type returnPage struct {
	University university.University
	Key        string // why
	// Again: the same university may well answer another time, or for another account.
	Again, Anew bool
	Reference   string // of the request, for whoever helps
}

// refused tells why a university's sign-in came to nothing, and leads on.
func (p *Portal) refused(v *visit, u university.University, err error) error {
	p.Log.InfoContext(v.Context(), "university", "id", u.ID, "why", err.Error())
	page := returnPage{University: u, Key: "portal.return.forged", Reference: v.W.Header().Get(wire.HeaderCorrelation)}
	status := http.StatusBadRequest
	switch {
	case errors.Is(err, university.ErrDeclined):
		page := p.universitiesPage(v, "")
		page.Declined = true
		return v.RenderStatus(http.StatusOK, "universities", page)
	case errors.Is(err, university.ErrAddress):
		page.Key, page.Anew, status = "portal.return.address", true, http.StatusForbidden
	case errors.Is(err, university.ErrUnavailable):
		page.Key, page.Again, status = "portal.return.unavailable", true, http.StatusServiceUnavailable
	}
	return v.RenderStatus(status, "return", page)
}
