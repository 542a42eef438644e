package e2e

import (
	"fmt"
	"image"
	"os"
	"path/filepath"
	"testing"

	"portillon/internal/e2e/hands"
	"portillon/internal/login"
	"portillon/internal/procedure"
)

// tour is a guided walk that leaves a picture of every screen.
type tour struct {
	*room
	folder   string
	prefix   string // of the pictures' names
	names    []string
	contrast bool                  // of the samples
	taken    map[procedure.ID]bool // pages of the help
}

// newTour leaves its pictures in the folder PORTILLON_TOUR, if there is one.
func newTour(t *testing.T, r *room, prefix string) *tour {
	folder := os.Getenv("PORTILLON_TOUR")
	if folder == "" {
		folder = t.TempDir()
	}
	return &tour{room: r, folder: folder, prefix: prefix, taken: map[procedure.ID]bool{}}
}

// TestTour plays a student through every screen, and leaves a PNG of each.
func TestTour(t *testing.T) {
	r := prepare(t, demoExam, func(s *settings) { s.serve = []string{"--code-resend", "1s"} })
	v := newTour(t, r, "")
	v.start()
	v.email()
	v.password()
	v.codes()
	v.trouble()
	v.exam()
	v.check()
}

// take leaves a picture of what the display shows once it stands still.
func (v *tour) take(name string) {
	v.t.Helper()
	v.settle()
	path := filepath.Join(v.folder, fmt.Sprintf("%s%02d-%s.png", v.prefix, len(v.names)+1, name))
	v.must(writePicture(path, v.look()))
	v.names = append(v.names, path)
}

func (v *tour) start() {
	v.switchOn()
	v.on("preflight")
	v.take("preflight")
	v.on("email")
	v.see(emailScreen(""))
	v.take("email")
}

func (v *tour) email() {
	v.press(hands.Return)
	v.see(emailScreen("", fault("error.email.empty", 0)))
	v.take("email-empty")
	const miss = "camille.durand@etu-univ.uness.fr"
	v.touch(miss)
	v.press(hands.Return)
	v.see(emailScreen(miss, func(w *login.View) { w.Email.Suggestion = camille.address }))
	v.take("email-near-miss")
	v.clear(miss)
	const nobody = "cassandre.durand@etu.univ-uness.fr"
	v.write(nobody)
	v.press(hands.Return)
	unknown := emailScreen(nobody, func(w *login.View) { w.Email.Unknown = true }, fault("error.email.unknown", 0))
	v.see(unknown)
	v.take("email-unknown")
	v.tap("Aide surveillant")
	v.on("help")
	v.see(helpScreen(procedure.Address, nobody))
	v.take("help-opened")
	v.helpPages(nobody)
	v.tap("Fermer l’aide")
	v.on("email")
	v.see(unknown)
	v.clear(nobody)
	v.write(lea.address)
	v.press(hands.Return)
	v.on("setup")
	v.see(setupScreen())
	v.take("setup")
	v.press(hands.Escape)
	v.on("email")
	v.see(emailScreen(lea.address))
	v.clear(lea.address)
}

func (v *tour) clear(typed string) {
	for range typed {
		v.press(hands.BackSpace)
	}
	v.see(emailScreen(""))
}

func helpScreen(step procedure.ID, email string) login.View {
	return login.View{Screen: login.ScreenHelp, Help: &login.HelpView{Step: step, Email: email, SetupURI: "https://portail.uness.fr"}}
}

func tourCode(change ...func(*login.View)) login.View {
	return codeScreen(camille, append([]func(*login.View){func(w *login.View) { w.Code.ResendIn = 0 }}, change...)...)
}

func (v *tour) password() {
	v.touch(camille.address)
	v.see(emailScreen(camille.address))
	v.take("email-typed")
	v.tap("SE CONNECTER")
	v.on("password")
	v.see(passwordScreen(camille))
	v.take("password")
	v.touch("Camille")
	v.take("password-typed")
	v.touchKey("&#€")
	v.take("keyboard-symbols")
	v.touchKey("éàç")
	v.take("keyboard-accents")
	v.touchKey("abc")
	v.press(hands.Return)
	v.outcome("wrong_password")
	v.see(passwordScreen(camille, fault("error.password.wrong.remaining", 9)))
	v.take("password-wrong")
	v.tap("Mot de passe oublié\u202f?")
	v.see(passwordScreen(camille, func(w *login.View) { w.Field, w.Password.Forgotten = login.FieldNone, true }))
	v.take("password-forgotten")
	v.press(hands.Escape)
	v.see(passwordScreen(camille))
}

func (v *tour) codes() {
	v.askCode()
	v.see(tourCode())
	v.take("code")
	code := v.code(camille.address, 1)
	v.write(notCode(code))
	v.press(hands.Return)
	v.outcome("wrong_code")
	v.see(tourCode(fault("error.code.wrong.remaining", 4)))
	v.take("code-wrong")
	v.touch(code[:4])
	v.see(tourCode())
	v.take("code-typed")
	v.tap("Aide surveillant")
	v.on("help")
	v.see(helpScreen(procedure.Code, camille.address))
	v.take("help-with-a-code-running")
	v.press(hands.Escape)
	v.on("code")
	v.see(tourCode())
	v.tap("Annuler")
	v.on("password")
	running := func(w *login.View) {
		w.Clock = &login.Countdown{Seconds: 150, Total: 180, Stage: login.StageCalm}
		w.Password.CodeRunning = w.Clock
	}
	v.see(passwordScreen(camille, running))
	v.take("password-with-a-code-running")
	v.tap("SAISIR LE CODE REÇU")
	v.on("code")
	v.see(tourCode())
	v.expire()
}

// expire asks for another code of a service whose codes are short.
func (v *tour) expire() {
	at := v.address()
	v.must(v.service.Stop())
	v.set.serve = []string{"--code-valid", "8s", "--code-grace", "0s", "--code-resend", "1s"}
	v.serve(at)
	v.tap("Recevoir un nouveau code")
	v.outcome("code_sent")
	v.outcome("code_expired")
	v.see(codeScreen(camille, fault("error.code.expired", 0), func(w *login.View) {
		w.Code.Minutes, w.Code.ResendPrimary, w.Code.ResendIn = 0, true, 0
		w.Code.Left = login.Countdown{Total: 8, Stage: login.StageExpired}
	}))
	v.take("code-expired")
}

func (v *tour) trouble() {
	v.press(hands.Escape)
	v.on("password")
	v.see(passwordScreen(camille))
	at := v.stopService()
	v.write(camille.password)
	v.press(hands.Return)
	v.on("trouble")
	v.see(troubleScreen(v.lastOutcome(), false))
	v.take("trouble")
	v.serve(at)
	v.on("password")
	v.settle()
}

func (v *tour) exam() {
	v.press(hands.Return)
	v.on("connected")
	v.see(connectedScreen(camille))
	v.take("connected")
	v.outcome("connected")
	player, err := newPlayerMirror(camille, v.set.size)
	v.must(err)
	v.reads(player, "the player")
	v.take("player")
	v.finishExam(camille)
	v.see(login.View{Screen: login.ScreenEnded, Ended: &login.EndedView{Seconds: 59}})
	v.take("ended")
	v.tap("Aide surveillant")
	v.on("help")
	v.see(helpScreen(procedure.Choose, ""))
	v.press(hands.Escape)
	v.on("ended")
	v.must(v.hands.Tap(40, 400))
	v.on("email")
}

// check: every picture is there and shows something.
func (v *tour) check() {
	v.t.Helper()
	for _, name := range v.names {
		f, err := os.Open(name)
		v.must(err)
		img, _, err := image.Decode(f)
		v.must(err)
		v.must(f.Close())
		if n := colours(img); n < 8 {
			v.t.Errorf("%s: %d colours", name, n)
		}
	}
}

// colours counts those of a picture.
func colours(img image.Image) int {
	seen := map[[3]uint32]bool{}
	b := img.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			r, g, b, _ := img.At(x, y).RGBA()
			seen[[3]uint32{r, g, b}] = true
		}
	}
	return len(seen)
}
