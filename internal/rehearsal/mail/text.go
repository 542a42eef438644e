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
