package portal

import (
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"portillon/internal/rehearsal/store"
	"portillon/internal/wire"
)

const maxAddress = 254

// wrong is a sentence about a field: its key, and what it quotes.
type wrong struct {
	Key   string
	Count int
}

func (p *Portal) home(v *visit) error {
	if v.flow.Account != 0 {
		return v.Redirect("/compte")
	}
	return v.Render("home", nil)
}

// emailPage is the data of email.html.
type emailPage struct {
	Typed string
	Wrong wrong
}

func (p *Portal) email(v *visit) error { return v.Render("email", emailPage{Typed: v.flow.Typed}) }

// emailGiven keeps the e-mail and looks nobody up.
func (p *Portal) emailGiven(v *visit) error {
	typed := strings.TrimSpace(v.R.PostFormValue("email"))
	if key := malformed(typed); key != "" {
		if !utf8.ValidString(typed) {
			typed = ""
		}
		return v.RenderStatus(http.StatusUnprocessableEntity, "email", emailPage{typed, wrong{Key: key}})
	}
	v.flow.Typed, v.flow.Login, v.flow.Code = typed, "", codeState{}
	return v.moveOn("/connexion/choix")
}

// malformed names what keeps a text from being an address.
func malformed(s string) string {
	local, domain, at := strings.Cut(s, "@")
	switch {
	case s == "":
		return "portal.email.empty"
	case !at || local == "" || !strings.Contains(strings.Trim(domain, "."), ".") || strings.Contains(domain, "@"),
		len(s) > maxAddress, !utf8.ValidString(s),
		strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) }):
		return "portal.email.malformed"
	}
	return ""
}

// choicePage is the data of choice.html.
type choicePage struct {
	Typed string
	Have  bool  // this browser has just created a password for it
	Wrong wrong // about the password
	Send  wrong // about the code
}

func (p *Portal) choice(v *visit) error {
	if v.flow.Typed == "" {
		return v.Redirect("/connexion")
	}
	return v.Render("choice", v.choicePage(choicePage{}))
}

func (v *visit) choicePage(page choicePage) choicePage {
	page.Typed = v.flow.Typed
	page.Have = page.Wrong.Key != "" || page.Send.Key != "" ||
		v.flow.Created != "" && store.Normalise(v.flow.Typed) == store.Normalise(v.flow.Created)
	return page
}

// step takes one step of the challenge; a login that was left too long begins again,
// with the same e-mail.
func (v *visit) step(field, value string) wire.Answer {
	ask := func(form url.Values) wire.Answer {
		if v.flow.Login != "" {
			form.Set(wire.FieldAuthSession, v.flow.Login)
		}
		a := v.p.Login.Inside(v.Context(), v.holder(), form)
		if a.AuthSession != "" {
			v.flow.Login = a.AuthSession
		}
		return a
	}
	for range 2 {
		if v.flow.Login == "" {
			if a := ask(url.Values{wire.FieldLoginHint: {v.flow.Typed}}); a.Suberror != wire.SubCredentialsRequired {
				return a
			}
		}
		a := ask(url.Values{field: {value}})
		if a.Error != wire.ErrorInvalidSession {
			return a
		}
		v.flow.Login = ""
	}
	return wire.Answer{Error: wire.ErrorInvalidSession}
}

func (p *Portal) passwordGiven(v *visit) error {
	if v.flow.Typed == "" {
		return v.Redirect("/connexion")
	}
	given := v.R.PostFormValue("password")
	if given == "" {
		return p.choiceAgain(v, choicePage{Wrong: wrong{Key: "portal.password.empty"}})
	}
	a := v.step(wire.FieldPassword, given)
	if a.AuthorizationCode != "" {
		return p.signIn(v, a.AuthorizationCode)
	}
	return p.choiceAgain(v, choicePage{Wrong: explain(a)})
}

func (p *Portal) choiceAgain(v *visit, page choicePage) error {
	page = v.choicePage(page)
	if err := v.keep(); err != nil {
		return err
	}
	return v.RenderStatus(http.StatusUnprocessableEntity, "choice", page)
}

// explain is the sentence for an answer that is not the one wished for.
func explain(a wire.Answer) wrong {
	left := 0
	if a.RemainingAttempts != nil {
		left = *a.RemainingAttempts
	}
	switch a.Suberror {
	case wire.SubInvalidCredentials:
		return wrong{"portal.password.wrong", left}
	case wire.SubInvalidOTP:
		return wrong{"portal.code.wrong", left}
	case wire.SubOTPExpired:
		return wrong{Key: "portal.code.expired"}
	case wire.SubOTPUsed:
		return wrong{Key: "portal.code.used"}
	case wire.SubOTPSuperseded:
		return wrong{Key: "portal.code.superseded"}
	}
	switch {
	case a.RetryAfter != nil && a.Suberror == wire.SubTooManyAttempts:
		return waiting(time.Duration(*a.RetryAfter) * time.Second)
	case a.RetryAfter != nil:
		return wrong{"portal.wait.busy", *a.RetryAfter}
	}
	return wrong{Key: "web.error.server"}
}

// waiting says a wait in minutes from the first full one, in seconds below.
func waiting(d time.Duration) wrong {
	if d > time.Minute {
		return wrong{"portal.wait.minutes", int(math.Ceil(d.Minutes()))}
	}
	return wrong{"portal.wait.seconds", int(math.Ceil(d.Seconds()))}
}

// codeAsked mails a code; while one is still fresh it leads back to where it is typed.
func (p *Portal) codeAsked(v *visit) error {
	if v.flow.Typed == "" {
		return v.Redirect("/connexion")
	}
	now := p.Now()
	if now.Before(v.flow.Code.Resend) {
		return v.moveOn("/connexion/code")
	}
	a := v.step(wire.FieldOTPChannel, wire.ChannelEmail)
	if a.Suberror != wire.SubOTPRequired {
		return p.choiceAgain(v, choicePage{Send: explain(a)})
	}
	seconds := func(n *int) time.Duration {
		if n == nil {
			return 0
		}
		return time.Duration(*n) * time.Second
	}
	valid := seconds(a.OTPExpiresIn)
	v.flow.Code = codeState{
		Target: a.OTPTarget, Expires: now.Add(valid), Resend: now.Add(seconds(a.OTPResendAfter)),
		Minutes: int(math.Ceil(valid.Minutes())),
	}
	return v.moveOn("/connexion/code")
}

// codePage is the data of code.html.
type codePage struct {
	codeState
	At    string // when it was asked for, as the student's clock says
	Wrong wrong
}

func (p *Portal) codePage(v *visit, w wrong) codePage {
	asked := v.flow.Code.Expires.Add(-time.Duration(v.flow.Code.Minutes) * time.Minute)
	return codePage{v.flow.Code, clock(asked, p.Zone, v.Lang()), w}
}

// clock is the time of day as the language says it.
func clock(t time.Time, zone *time.Location, lang string) string {
	t = t.In(zone)
	if lang == "fr" {
		return strconv.Itoa(t.Hour()) + "\u00a0h\u00a0" + t.Format("04")
	}
	return t.Format("15:04")
}

func (p *Portal) code(v *visit) error {
	if v.flow.Code.Target == "" {
		return v.Redirect("/connexion")
	}
	return v.Render("code", p.codePage(v, wrong{}))
}

func (p *Portal) codeGiven(v *visit) error {
	if v.flow.Code.Target == "" {
		return v.Redirect("/connexion")
	}
	given := strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) { // as some mailboxes copy it
			return -1
		}
		return r
	}, v.R.PostFormValue("code"))
	w := wrong{Key: "portal.code.empty"}
	if given != "" {
		a := v.step(wire.FieldOTP, given)
		if a.AuthorizationCode != "" {
			return p.signIn(v, a.AuthorizationCode)
		}
		w = explain(a)
	}
	if err := v.keep(); err != nil {
		return err
	}
	return v.RenderStatus(http.StatusUnprocessableEntity, "code", p.codePage(v, w))
}

// signIn ends a login that was granted: a new session, with nothing of the old.
func (p *Portal) signIn(v *visit, code string) error {
	id, err := p.Login.Claim(v.Context(), v.holder(), code)
	if err != nil {
		return err
	}
	a, _, err := p.accountByID(v, id)
	if err != nil {
		return err
	}
	if err := v.restart(flow{Account: id, Stamp: p.stamp(a), Typed: v.flow.Typed}); err != nil {
		return err
	}
	return v.moveOn("/compte")
}

// accountPage is the data of account.html.
type accountPage struct{ Name, Typed string }

func (p *Portal) account(v *visit) error {
	if v.flow.Account == 0 {
		return v.Redirect("/connexion")
	}
	var a store.Account
	a, _, err := p.accountByID(v, v.flow.Account)
	if err != nil {
		return err
	}
	return v.Render("account", accountPage{a.Name, v.flow.Typed})
}

func (p *Portal) signOut(v *visit) error {
	if err := v.End(); err != nil {
		return err
	}
	return v.Redirect("/")
}
