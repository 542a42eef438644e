package rehearsal_test

import (
	"errors"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"portillon/internal/rehearsal"
	"portillon/internal/rehearsal/mail"
	"portillon/internal/rehearsal/store"
	"portillon/internal/rehearsal/university"
	"portillon/internal/wire"
)

const nadia, nadiaPassword = "nadia.belkacem@etu.univ-rouen.fr", newPassword

// TestGuide lives the «compte» guide: from «Connectez vous» to the first login with the
// password, and with a code.
func TestGuide(t *testing.T) {
	w := start(t)
	tab := w.known()
	w.want(tab.identify(lea), wire.SubAccountNotConfigured)

	ph := w.phone()
	ph.get("/").at("/", 200).says("Connectez vous")
	p := ph.identify("  lea.moreau@univ-uness.fr ").at("/connexion/choix", 200).says("Continuer")
	p.says("lea.moreau@univ-uness.fr")
	list := ph.get("/universite").at("/universite", 200).says("D’après votre adresse e-mail").says("Sorbonne Université")
	uni := list.submit("/universite", "university", "demonstration").at("/universite", 200).follow()
	uni.says("Authentification de l’université")
	uni.submit("login", "login", "lmoreau", "password", "faux").says("incorrect")
	sent := uni.submit("login", "login", "lmoreau", "password", "Universite-2026").at("/lien-envoye", 200)
	// The address is the university's, not the one typed.
	sent.says(lea).says("Ce n’est pas l’adresse que vous avez saisie : lea.moreau@univ-uness.fr")
	sent.says("Soyez patient et ne refaites pas de nouvelle demande.")
	if n := len(w.mails("lea.moreau@univ-uness.fr")); n != 0 {
		t.Errorf("%d mails to the address that was typed", n)
	}
	link := ph.links(lea, 1)[0]

	other := w.phone() // the mail is read elsewhere
	p = other.get(link).at("/mot-de-passe", 200).says(lea)
	p = p.submit("/mot-de-passe", "password", "Lea.Moreau.26", "confirm", "Lea.Moreau.26").at("/mot-de-passe", 422).says("trop facile à deviner")
	p = p.submit("/mot-de-passe", "password", newPassword, "confirm", newPassword+"x").at("/mot-de-passe", 422).says("ne sont pas les mêmes")
	p = p.submit("/mot-de-passe", "password", "l’été—48", "confirm", "").at("/mot-de-passe", 422).says("Ces caractères ne sont pas autorisés : ’ —")
	p.create(newPassword).at("/mot-de-passe/cree", 200).says("Votre mot de passe est créé").says("J’ai terminé")
	noLeak(t, "the log", w.log.String(), path.Base(link), newPassword, lea, "lmoreau")

	other.get("/connexion").submit("/connexion", "email", lea).
		submit("/connexion/mot-de-passe", "password", newPassword).at("/compte", 200).says("Bonjour Léa Moreau")
	w.want(tab.identify(lea), wire.SubCredentialsRequired)
	w.want(tab.password(newPassword), "granted")
}

// TestNewAccount: somebody nobody has ever heard of but the university.
func TestNewAccount(t *testing.T) {
	w := start(t)
	tab := w.known()
	w.want(tab.identify(nadia), wire.SubAccountUnknown)
	ph := w.phone()
	ph.identify(nadia)
	ph.get("/universite").submit("/universite", "university", "rouen").follow().
		submit("login", "login", "Nadia.Belkacem", "password", "Universite-2026").at("/lien-envoye", 200)
	w.want(tab.identify(nadia), wire.SubAccountUnknown) // not before the password
	ph.get(ph.links(nadia, 1)[0]).create(nadiaPassword).at("/mot-de-passe/cree", 200)
	w.want(tab.identify(nadia), wire.SubCredentialsRequired)
	a := w.want(tab.password(nadiaPassword), "granted")
	tokens := w.want(tab.redeem(a.AuthorizationCode), "tokens")
	if claims := w.verify(tokens.IDToken, "portillon"); claims["name"] != "Nadia Belkacem" {
		t.Errorf("%v", claims)
	}
}

// TestChange: an existing user's new password ends the old one, and every session that
// was signed in with it.
func TestChange(t *testing.T) {
	w := start(t)
	elsewhere, ph := w.phone(), w.phone()
	signIn := func(ph *phone, password string) page {
		return ph.identify(camille).submit("/connexion/mot-de-passe", "password", password)
	}
	signIn(elsewhere, camillePassword).at("/compte", 200)
	signIn(ph, camillePassword).at("/compte", 200).says("Changer mon mot de passe")
	ph.configured(camille, "cdurand", camille)
	elsewhere.get("/compte").at("/connexion", 200)
	signIn(elsewhere, camillePassword).at("/connexion/mot-de-passe", 422).says("Mauvais identifiant / mot de passe.")
	signIn(elsewhere, newPassword).at("/compte", 200)
	eventually(t, "the mail that tells of it", func() bool {
		for _, m := range w.mails(camille) {
			if m.Subject == "Votre mot de passe Compte UNESS est enregistré" {
				return true
			}
		}
		return false
	})
}

func TestPortalSignInByCode(t *testing.T) {
	w := start(t)
	ph := w.phone()
	p := ph.identify(camille).submit("/connexion/envoi").at("/connexion/code", 200).says("Ce code est valide une fois et durant 3 minutes.")
	code := w.newestCode(camille, 1)
	p.submit("/connexion/envoi").at("/connexion/code", 200) // again at once: no other mail
	wrong := "000000"
	if code == wrong {
		wrong = "000001"
	}
	p = p.submit("/connexion/code", "code", wrong).at("/connexion/code", 422).says("Ce code n’est pas le bon. Il vous reste 4 essais.")
	p.submit("/connexion/code", "code", " "+code[:3]+" "+code[3:]).at("/compte", 200).says("Bonjour Camille Durand")
	if n := len(w.mails(camille)); n != 1 {
		t.Errorf("%d mails, want 1", n)
	}
	ph.get("/compte").submit("/deconnexion").at("/", 200)
	ph.get("/compte").at("/connexion", 200)
}

// TestCodeExpires on the portal too; and a login left for too long begins again by
// itself.
func TestPortalCodeExpires(t *testing.T) {
	w := start(t)
	ph := w.phone()
	p := ph.identify(camille).submit("/connexion/envoi")
	code := w.newestCode(camille, 1)
	w.clock.advance(4 * time.Minute)
	p.submit("/connexion/code", "code", code).at("/connexion/code", 422).says("Le code a expiré.")
	w.clock.advance(25 * time.Minute)
	p = ph.get("/connexion/choix").at("/connexion/choix", 200)
	w.clock.advance(20 * time.Minute)
	p.submit("/connexion/mot-de-passe", "password", camillePassword).at("/compte", 200)
}

// TestLinks: another link leaves the first good; one is used once; the rest go with it.
func TestLinksOfTheMail(t *testing.T) {
	w := start(t)
	ph := w.phone()
	sent := ph.university(lea, "lmoreau").at("/lien-envoye", 200)
	sent.submit("/lien-envoye").at("/lien-envoye", 429).says("Réessayez dans 2 minutes.")
	w.clock.advance(2*time.Minute + time.Second)
	sent.submit("/lien-envoye").at("/lien-envoye", 200).says("Le premier reste valable")
	links := ph.links(lea, 2)
	first, second := links[1], links[0]

	a, b := w.phone(), w.phone()
	pa, pb := a.get(first).at("/mot-de-passe", 200), b.get(second).at("/mot-de-passe", 200)
	w.phone().get(first).at("/mot-de-passe", 200) // reading it uses nothing up
	pa.create(newPassword).at("/mot-de-passe/cree", 200)
	pa.create(newPassword+"!").at("/mot-de-passe", 403) // its session is over
	pb.create(newPassword+"?").at("/mot-de-passe", 410).says("déjà été créé")
	for _, l := range links {
		w.phone().get(l).says("déjà été créé")
	}
	w.phone().identify(lea).submit("/connexion/mot-de-passe", "password", newPassword).at("/compte", 200)
}

func TestLinkExpires(t *testing.T) {
	w := start(t)
	ph := w.phone()
	ph.university(lea, "lmoreau")
	link := ph.links(lea, 1)[0]
	w.clock.advance(24*time.Hour - time.Minute)
	late := w.phone()
	p := late.get(link).at("/mot-de-passe", 200)
	w.clock.advance(2 * time.Minute)
	p.create(newPassword).at("/mot-de-passe", 410).says("Ce lien était valable 24 heures.")
	w.phone().get(link).says("Ce lien était valable 24 heures.")
}

// TestLinkRace: of many who use one link at once, one creates a password.
func TestLinkRace(t *testing.T) {
	w := start(t)
	ph := w.phone()
	ph.university(lea, "lmoreau")
	link := ph.links(lea, 1)[0]
	const n = 6
	var forms [n]page
	for i := range forms {
		forms[i] = w.phone().get(link).at("/mot-de-passe", 200)
	}
	created := make(chan int, n)
	for i, p := range forms {
		go func() {
			to, fields := p.form("/mot-de-passe")
			pw := newPassword + string(rune('a'+i))
			fields.Set("password", pw)
			fields.Set("confirm", pw)
			if q := p.phone.post(to, fields); q.url.Path == "/mot-de-passe/cree" {
				created <- 1
			} else {
				created <- 0
			}
		}()
	}
	sum := 0
	for range n {
		sum += <-created
	}
	if sum != 1 {
		t.Errorf("%d passwords by one link", sum)
	}
}

// TestLinkLimit: five links that nobody used are enough for a day.
func TestLinkLimit(t *testing.T) {
	w := start(t)
	ph := w.phone()
	sent := ph.university(lea, "lmoreau")
	for range 4 {
		w.clock.advance(3 * time.Minute)
		sent = sent.submit("/lien-envoye").at("/lien-envoye", 200)
	}
	w.clock.advance(3 * time.Minute)
	sent.submit("/lien-envoye").at("/lien-envoye", 429)
	if n := len(ph.links(lea, 5)); n != 5 {
		t.Errorf("%d links", n)
	}
}

// TestPortalPurge: what a link holds goes a day after it.
func TestPortalPurge(t *testing.T) {
	w := start(t)
	w.phone().university(lea, "lmoreau")
	w.clock.advance(49 * time.Hour)
	err := w.DB.Write(t.Context(), func(tx *store.Tx) error {
		now := w.clock.now()
		p, err := tx.Purge(now, now.Add(-time.Hour), now.Add(-24*time.Hour))
		if p.Links != 1 {
			t.Errorf("purged %+v", p)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestNearNames: the page asks once more where another university is likelier meant, and
// only there.
func TestNearNames(t *testing.T) {
	w := start(t)
	for _, c := range []struct{ email, chosen, says string }{
		{"p.nom@gmail.com", "sorbonne", "Université Sorbonne Paris Nord"}, // the guide's example
		{"p.nom@gmail.com", "limoges", ""},
		{"p.nom@etu.sorbonne-universite.fr", "sorbonne", ""}, // the address says it
		{"p.nom@univ-rouen.fr", "rouen", ""},
		{"p.nom@univ-rouen.fr", "caen", "Votre adresse p.nom@univ-rouen.fr est d’une autre université : Université de Rouen Normandie."},
	} {
		ph := w.phone()
		ph.identify(c.email)
		p := ph.get("/universite").submit("/universite", "university", c.chosen)
		if c.says == "" {
			p.at("/universite", 200).follow().says("Authentification de l’université")
			continue
		}
		p.at("/universite/verifier", 200).says(c.says).submit("/universite/verifier", "university", c.chosen).follow()
	}
	ph := w.phone()
	ph.get("/universite?q=sorbonne+nord").says("Université Sorbonne Paris Nord") // without a script
	ph.get("/universite?q=xyzzy").says("Aucune université ne porte ce nom.")
	ph.get("/universite").submit("/universite").at("/universite", 422).says("Vous devez choisir votre université.")
}

// TestRegisteredUniversities: without the demonstration there is a portal where
// universities are registered, and it offers those.
func TestRegisteredUniversities(t *testing.T) {
	real := func(content string) func(*rehearsal.Options) {
		return func(o *rehearsal.Options) {
			o.Demo, o.SMTP = false, &mail.SMTP{Addr: "127.0.0.1:9", TLS: mail.TLSNone}
			if content == "" {
				return
			}
			o.Universities = filepath.Join(t.TempDir(), "universities.json")
			if err := os.WriteFile(o.Universities, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	w := start(t, real(`[{"id": "rouen", "issuer": "https://127.0.0.1:9", "client_id": "uness"}]`))
	ph := w.phone()
	p := ph.get("/universite").says("Université de Rouen Normandie")
	if strings.Contains(p.text(), "Université de Limoges") || strings.Contains(p.text(), "démonstration") {
		t.Errorf("universities nobody is registered with: %s", p.text())
	}
	p.submit("/universite", "university", "rouen").at("/universite", 503).says("ne répond pas") // nobody listens there

	if w := start(t, real("")); w.PortalURL != "" {
		t.Errorf("a portal without universities at %s", w.PortalURL)
	}
	o := rehearsal.Options{Data: t.TempDir()}
	real(`[{"id": "rouen"}]`)(&o)
	if s, err := rehearsal.Start(t.Context(), o); !errors.Is(err, university.ErrRegistrations) {
		t.Errorf("%v, %v", s, err)
	}
}
