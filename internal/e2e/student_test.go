package e2e

import (
	"bytes"
	"encoding/json"
	"image"
	"image/color"
	"math"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"portillon/internal/login"
	"portillon/internal/ui/look"
)

// The views below are what the tablet should show, as far as it decides where things
// stand and what is to be read. What moves by itself is not compared.

func emailScreen(text string, change ...func(*login.View)) login.View {
	v := login.View{Screen: login.ScreenEmail, Field: login.FieldEmail,
		Email: &login.EmailView{Text: text, Caret: utf8.RuneCountInString(text)}}
	return with(v, change)
}

func passwordScreen(p person, change ...func(*login.View)) login.View {
	v := login.View{Screen: login.ScreenPassword, Field: login.FieldPassword, Password: &login.PasswordView{
		Email: p.address, PasswordOffered: true, CodeOffered: true, CodeMinutes: 3}}
	return with(v, change)
}

func with(v login.View, change []func(*login.View)) login.View {
	for _, c := range change {
		c(&v)
	}
	return v
}

// fault is a view's error line.
func fault(key string, count int) func(*login.View) {
	return func(v *login.View) { v.Error = &login.Text{Key: key, Count: count} }
}

// codeScreen takes what only the service and the clock know from the tablet's side of
// things: the mailed code's age does not matter, since nothing that moves is compared.
func codeScreen(p person, change ...func(*login.View)) login.View {
	v := login.View{Screen: login.ScreenCode, Field: login.FieldCode, Code: &login.CodeView{
		Length: 6, Minutes: 3, Left: login.Countdown{Seconds: 170, Total: 180, Stage: login.StageCalm},
		Target: mask(p.address), ResendIn: 20}}
	return with(v, change)
}

// see waits until every word of a view stands on the screen where it belongs.
func (r *room) see(v login.View) {
	r.t.Helper()
	r.mirror.show(v)
	r.reads(r.mirror, string(v.Screen))
}

// named waits until the header says these words.
func (r *room) named(words ...string) {
	r.t.Helper()
	r.mirror.show(emailScreen(""))
	want, _ := r.mirror.picture()
	places := r.mirror.where(words...)
	if len(places) != len(words) {
		r.t.Fatalf("of %q the mirror says %d", words, len(places))
	}
	eventually(r.t, r.patience(), strings.Join(words, ", "), func() bool { return unseen(want, r.look(), places) == "" })
}

// reads waits until the display shows the words of a mirror.
func (r *room) reads(m *mirror, name string) {
	r.t.Helper()
	want, texts := m.picture()
	var got *image.RGBA
	var missing string
	deadline := time.Now().Add(r.patience())
	tick := time.NewTicker(40 * time.Millisecond)
	defer tick.Stop()
	for {
		var err error
		got, err = r.glass.Look()
		r.must(err)
		if missing = unseen(want, got, texts); missing == "" {
			return
		}
		if time.Now().After(deadline) {
			break
		}
		<-tick.C
	}
	dir := artifacts(r.t)
	r.must(writePicture(filepath.Join(dir, "expected.png"), want))
	r.must(writePicture(filepath.Join(dir, "seen.png"), got))
	r.t.Fatalf("on %s these words are not to be read: %q (pictures in %s)", name, missing, dir)
}

// readable is how much a printed word must agree with the mirror's. Another word in
// its place agrees by less than half of it, an empty place not at all.
const readable = 0.8

func unseen(want, got image.Image, texts map[string]image.Rectangle) string {
	for text, at := range texts {
		if !same(want, got, at) {
			return text
		}
	}
	return ""
}

// tap touches the button that says label; the mirror must be showing the screen. Like
// a student it touches a button once that is not grey: what the log tells is ahead of
// what a busy tablet shows.
func (r *room) tap(label string) {
	r.t.Helper()
	where, err := r.mirror.button(label)
	r.must(err)
	eventually(r.t, r.patience(), "the button "+label, func() bool { return !grey(r.look(), where) })
	at := where.Min.Add(where.Max).Div(2)
	r.must(r.glass.Tap(at.X, at.Y))
}

// grey: the button at where has the paint of one that waits.
func grey(img image.Image, where image.Rectangle) bool {
	waits := color.NRGBAModel.Convert(look.New().Palette.Disabled)
	at := image.Pt(where.Min.X+where.Dx()/2, where.Min.Y+5) // below its border, above its words
	return color.NRGBAModel.Convert(img.At(at.X, at.Y)) == waits
}

// same: a part of the screen says the same in the same paint.
func same(want, got image.Image, where image.Rectangle) bool {
	const paint = 12 // of 255; a button that waits differs by more than 20
	return alike(want, got, where) >= readable && math.Abs(shine(want, got, where)) < paint
}

// tick touches «Se souvenir de moi».
func (r *room) tick() {
	r.t.Helper()
	at, err := r.mirror.check()
	r.must(err)
	r.must(r.glass.Tap(at.X, at.Y))
}

// touchKey touches a key of the on-screen keyboard by what it says.
func (r *room) touchKey(name string) {
	r.t.Helper()
	if !r.touched(name) {
		r.t.Fatalf("no key says %q", name)
	}
}

func (r *room) touched(name string) bool {
	r.t.Helper()
	at, ok := r.mirror.press(name)
	if ok {
		r.must(r.glass.Tap(at.X, at.Y))
	}
	return ok
}

// touch types on the on-screen keyboard, with Shift and by changing layers where that
// is needed.
func (r *room) touch(text string) {
	r.t.Helper()
	for _, c := range text {
		if !r.touchRune(c) {
			r.t.Fatalf("the on-screen keyboard has no %q", c)
		}
	}
}

// touchRune looks on the layer in view first, then on the others.
func (r *room) touchRune(c rune) bool {
	r.t.Helper()
	for _, layer := range []string{"", "abc", "&#€", "éàç"} {
		if layer != "" && !r.touched(layer) {
			continue // it is in view already
		}
		if r.touched(string(c)) {
			return true
		}
		small := string(unicode.ToLower(c))
		if small != string(c) && r.mirror.has(small) {
			return r.touched(string(look.IconShift)) && r.touched(string(c))
		}
	}
	return false
}

// hold keeps a finger on a key until its accents are offered, and chooses the n-th.
func (r *room) hold(name string, n, of int) {
	r.t.Helper()
	at, ok := r.mirror.press(name)
	if !ok {
		r.t.Fatalf("no key says %q", name)
	}
	// Above the key, its middle over the key's (internal/ui/keyboard).
	const cell = 56
	choice := image.Pt(at.X-cell*of/2+cell*n+cell/2, at.Y-72)
	around := image.Rectangle{choice, choice}.Inset(-cell / 2)
	r.settle() // what was typed before must not hide what this does
	before := r.look()
	r.must(r.hands.Move(at.X, at.Y))
	r.must(r.hands.Down(1))
	r.changes(before, around, "accents above the key "+name)
	r.must(r.hands.Move(choice.X, choice.Y))
	r.must(r.hands.Up(1))
}

// settle waits until the screen has been the same for a while.
func (r *room) settle() {
	r.t.Helper()
	const still = 5
	before, same := r.look(), 0
	eventually(r.t, r.patience(), "a screen that stands still", func() bool {
		now := r.look()
		if same++; !bytes.Equal(before.Pix, now.Pix) {
			before, same = now, 0
		}
		return same >= still
	})
}

func (r *room) look() *image.RGBA {
	r.t.Helper()
	img, err := r.glass.Look()
	r.must(err)
	return img
}

// changes waits until a part of the screen is another than it was.
func (r *room) changes(before image.Image, where image.Rectangle, what string) {
	r.t.Helper()
	eventually(r.t, r.patience(), what, func() bool { return alike(before, r.look(), where) < readable })
}

// write types on the hardware keyboard.
func (r *room) write(text string) {
	r.t.Helper()
	r.must(r.hands.Type(text))
}

// press presses hardware keys.
func (r *room) press(keys ...uint32) {
	r.t.Helper()
	r.must(r.hands.Press(keys...))
}

// message is a mail as the mailbox gives it.
type message struct {
	To   string `json:"to"`
	Text string `json:"text"`
}

func (r *room) mails(to string) []message {
	r.t.Helper()
	res, err := http.Get(r.service.Mailbox + "/api/messages?to=" + url.QueryEscape(to))
	r.must(err)
	defer func() { _ = res.Body.Close() }() // only read
	var out []message
	r.must(json.NewDecoder(res.Body).Decode(&out))
	return out
}

var codeLine = regexp.MustCompile(`(?m)^\d{6}$`)

// code waits for the n-th mail and reads its code, as the student on the phone.
func (r *room) code(to string, n int) string {
	r.t.Helper()
	var mails []message
	eventually(r.t, r.patience(), "a mail", func() bool {
		mails = r.mails(to)
		return len(mails) >= n
	})
	code := codeLine.FindString(mails[0].Text)
	if code == "" {
		r.t.Fatalf("no code in %q", mails[0].Text)
	}
	return code
}

// identify takes the student to the password, by touch.
func (r *room) identify(p person) {
	r.t.Helper()
	r.touch(p.address)
	r.see(emailScreen(p.address))
	r.tap("SE CONNECTER")
	r.on("password")
	r.see(passwordScreen(p))
}

// askCode takes the student from the password to the code, by touch.
func (r *room) askCode() {
	r.t.Helper()
	r.tap("RECEVOIR LE CODE")
	r.on("code")
	r.outcome("code_sent")
}

// connect waits until the student is connected and the player runs.
func (r *room) connect() {
	r.t.Helper()
	r.on("connected")
	r.outcome("connected")
}

// mask is how the service names an address to a tablet.
func mask(address string) string {
	_, domain, _ := strings.Cut(address, "@")
	return address[:1] + "•••@" + domain
}
