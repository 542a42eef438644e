package mail

import (
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // the hour in the text, on machines without zone files
)

// CodeMessage is the mail that brings a one-time code: French, then English. The
// code stands on a line of its own and in no header. sent is the moment it was
// asked for, by which a student tells the newest mail; zone is the exam's.
func CodeMessage(to, code string, valid time.Duration, sent time.Time, zone *time.Location) Message {
	at := sent.In(zone)
	var b strings.Builder
	fmt.Fprintf(&b, "Bonjour,\n\nVoici votre code de connexion à Compte UNESS, demandé à %s\u00a0:\n\n%s\n\n",
		hour(at), code)
	fmt.Fprintf(&b, "Ce code est à usage unique et valable %s. Si vous en avez demandé plusieurs, utilisez celui du dernier message.\n\n", french(valid))
	b.WriteString("Ne le communiquez à personne. Si vous n’avez rien demandé, ignorez ce message.\n\n")
	fmt.Fprintf(&b, "--------\n\nHello,\n\nThe code above, requested at %s, signs you in to Compte UNESS.\n", at.Format("15:04"))
	fmt.Fprintf(&b, "It works once, for %s. If you asked for several, use the latest message.\n", english(valid))
	b.WriteString("Do not share it. If you did not ask for it, ignore this message.\n")
	return Message{To: to, Subject: "Votre code de connexion Compte UNESS", Text: b.String()}
}

// hour is the French way: 9 h 42.
func hour(t time.Time) string { return fmt.Sprintf("%d\u00a0h\u00a0%02d", t.Hour(), t.Minute()) }

func french(d time.Duration) string { return spell(d, "minute", "seconde") }

func english(d time.Duration) string { return spell(d, "minute", "second") }

// spell says whole minutes as minutes and anything else as seconds.
func spell(d time.Duration, minute, second string) string {
	n, unit := int(d/time.Second), second
	if d >= time.Minute && d%time.Minute == 0 {
		n, unit = int(d/time.Minute), minute
	}
	if n > 1 {
		unit += "s"
	}
	return fmt.Sprintf("%d\u00a0%s", n, unit)
}

// LinkMessage is the mail that brings the link by which a password is created: French,
// then English. The link stands on a line of its own and in no header.
func LinkMessage(to, link string, until time.Time, zone *time.Location) Message {
	end := until.In(zone)
	var b strings.Builder
	fmt.Fprintf(&b, "Bonjour,\n\nPour créer votre mot de passe Compte UNESS, ouvrez ce lien\u00a0:\n\n%s\n\n", link)
	fmt.Fprintf(&b, "Il est valable jusqu’au %s à %s et ne sert qu’une fois.\n\n", end.Format("02/01/2006"), hour(end))
	fmt.Fprintf(&b, "Le jour de l’examen, connectez-vous avec cette adresse\u00a0: %s\n\n", to)
	b.WriteString("Ne communiquez ce lien à personne. Si vous n’avez rien demandé, ignorez ce message.\n\n")
	b.WriteString("--------\n\nHello,\n\nThe link above lets you create your Compte UNESS password.\n")
	fmt.Fprintf(&b, "It works once, until %s.\n", end.Format("2006-01-02 15:04"))
	fmt.Fprintf(&b, "On the day of the exam, sign in with this address: %s\n", to)
	b.WriteString("Do not share it. If you did not ask for it, ignore this message.\n")
	return Message{To: to, Subject: "Créez votre mot de passe Compte UNESS", Text: b.String()}
}

// PasswordMessage tells the owner of an account that its password is another (ASVS 5
// §6.3.7): whoever did not do it must learn of it.
func PasswordMessage(to string, at time.Time, zone *time.Location) Message {
	when := at.In(zone)
	var b strings.Builder
	fmt.Fprintf(&b, "Bonjour,\n\nLe mot de passe de votre Compte UNESS a été enregistré le %s à %s.\n\n", when.Format("02/01/2006"), hour(when))
	fmt.Fprintf(&b, "Le jour de l’examen, connectez-vous avec cette adresse\u00a0: %s\n\n", to)
	b.WriteString("Si ce n’est pas vous, créez-en un autre dès maintenant depuis le portail et prévenez le service informatique de votre université.\n\n")
	fmt.Fprintf(&b, "--------\n\nHello,\n\nThe password of your Compte UNESS was saved on %s.\n", when.Format("2006-01-02 15:04"))
	fmt.Fprintf(&b, "On the day of the exam, sign in with this address: %s\n", to)
	b.WriteString("If it was not you, create another one in the portal now and tell your university’s IT service.\n")
	return Message{To: to, Subject: "Votre mot de passe Compte UNESS est enregistré", Text: b.String()}
}
