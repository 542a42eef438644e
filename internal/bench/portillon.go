package main

import (
	"context"
	"errors"
	"fmt"
	"image"
	"os"
	"path/filepath"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/software"
	"fyne.io/fyne/v2/test"

	"portillon/internal/demo"
	"portillon/internal/e2e/hands"
	"portillon/internal/login"
	"portillon/internal/ui"
	"portillon/internal/ui/field"
	"portillon/internal/ui/kit"
	"portillon/internal/words"
)

const screenLimit = 20 * time.Second

// seen is how long after a screen was logged somebody types or touches: it is logged before it is
// painted, and what comes in between is not for it.
const seen = 600 * time.Millisecond

// tablet is the product: the built program, logged in against the built service as
// far as the code's running countdown. The service is not counted.
type tablet struct {
	bin, config, state string
	display            *demo.Display
	button, code       image.Rectangle // «RECEVOIR LE CODE» and the field
	runs               int
	now                *demo.Tablet
}

func newTablet(ctx context.Context, bin, dir string, display *demo.Display) (*tablet, *demo.Service, error) {
	data, state := filepath.Join(dir, "service"), filepath.Join(dir, "state")
	if err := errors.Join(os.Mkdir(data, 0o700), os.Mkdir(state, 0o700)); err != nil {
		return nil, nil, err
	}
	s, err := demo.StartService(ctx, filepath.Join(bin, "rehearsal"), nil, "--listen", "127.0.0.1:0", "--data", data, "--demo")
	if err != nil {
		return nil, nil, err
	}
	t := &tablet{bin: filepath.Join(bin, "portillon"), config: filepath.Join(dir, "portillon.toml"), state: state, display: display}
	if err := s.WriteConfig(t.config, demo.Centre{Player: []string{"/bin/true"}}); err != nil {
		return nil, nil, errors.Join(err, s.Stop())
	}
	if t.button, t.code, err = places(); err != nil {
		return nil, nil, errors.Join(err, s.Stop())
	}
	return t, s, nil
}

func (t *tablet) name() string             { return "portillon" }
func (t *tablet) files() ([]string, error) { return []string{t.bin}, nil }
func (t *tablet) field() image.Rectangle   { return t.code }

// start: a fresh one begins like the next candidate's, with nothing in session/.
func (t *tablet) start(fresh bool) (process, error) {
	t.runs++
	if fresh {
		if err := os.RemoveAll(filepath.Join(t.state, "session")); err != nil {
			return nil, err
		}
	}
	var err error
	t.now, err = demo.StartTablet(demo.TabletOptions{Bin: t.bin, Config: t.config, Size: "1280x800", Display: t.display.Name, StateDir: t.state})
	return t.now, err
}

// settle logs in up to the code screen, each time with an account of its own: a
// service sends an account one code in 30 s.
func (t *tablet) settle(h *hands.Hands) error {
	wait := func(mark int, name login.Screen) (int, error) {
		return t.now.Wait(mark, screenLimit, func(e demo.Event) bool { return e.Screen == string(name) })
	}
	mark, err := wait(0, login.ScreenEmail)
	if err != nil {
		return fmt.Errorf("first screen: %w", err)
	}
	<-time.After(seen)
	if err := errors.Join(h.Type(fmt.Sprintf("tempete%05d@etu.univ-uness.fr", t.runs)), h.Press(hands.Return)); err != nil {
		return err
	}
	if mark, err = wait(mark, login.ScreenPassword); err != nil {
		return fmt.Errorf("password screen: %w", err)
	}
	<-time.After(seen)
	at := t.button.Min.Add(t.button.Max).Div(2)
	if err := errors.Join(h.Tap(at.X, at.Y), h.Move(parked.X, parked.Y)); err != nil {
		return err
	}
	if _, err = wait(mark, login.ScreenCode); err != nil {
		return fmt.Errorf("code screen: %w", err)
	}
	return nil
}

// places draws the two screens in this process, as the tablet does, and finds the
// button and the field.
func places() (button, code image.Rectangle, err error) {
	w, err := words.New("fr")
	if err != nil {
		return button, code, err
	}
	u := ui.New(ui.Frame{Exam: "Moodle Evaluation", Room: "B12", Tablet: "B12-07", Demonstration: true}, w, func(login.Event) {})
	c := software.NewCanvas()
	c.SetPadded(false)
	c.SetContent(u.Content())
	c.Resize(fyne.NewSize(1280, 800))
	u.Attach(c)
	u.Update(login.View{Screen: login.ScreenPassword, Field: login.FieldPassword, TextPercent: 100,
		Password: &login.PasswordView{Email: "tempete00001@etu.univ-uness.fr", PasswordOffered: true, CodeOffered: true, CodeMinutes: 3}})
	label := w.T("action.code.request")
	button, err = find(u.Content(), fyne.Position{}, func(o fyne.CanvasObject) bool {
		b, ok := o.(*kit.Button)
		return ok && b.Label() == label
	})
	if err != nil {
		return button, code, fmt.Errorf("button %q: %w", label, err)
	}
	left := login.Countdown{Seconds: 180, Total: 180, Stage: login.StageCalm}
	u.Update(login.View{Screen: login.ScreenCode, Field: login.FieldCode, TextPercent: 100,
		Code: &login.CodeView{Length: 6, Minutes: 3, Left: left, ResendIn: 30, Target: "t•••@etu.univ-uness.fr", AskedHour: 9, AskedMinute: 42}})
	code, err = find(u.Content(), fyne.Position{}, func(o fyne.CanvasObject) bool { _, ok := o.(*field.Code); return ok })
	if err != nil {
		return button, code, fmt.Errorf("the code's field: %w", err)
	}
	code.Max.X = code.Min.X + code.Dx()/6 // the first cell
	return button, code, nil
}

var errNowhere = errors.New("not on the screen")

// find is where the first visible object that matches stands.
func find(o fyne.CanvasObject, at fyne.Position, match func(fyne.CanvasObject) bool) (image.Rectangle, error) {
	if !o.Visible() {
		return image.Rectangle{}, errNowhere
	}
	at = at.Add(o.Position())
	if match(o) {
		return image.Rect(int(at.X), int(at.Y), int(at.X+o.Size().Width), int(at.Y+o.Size().Height)), nil
	}
	var children []fyne.CanvasObject
	switch o := o.(type) {
	case *fyne.Container:
		children = o.Objects
	case fyne.Widget:
		children = test.WidgetRenderer(o).Objects()
	}
	for _, child := range children {
		if r, err := find(child, at, match); err == nil {
			return r, nil
		}
	}
	return image.Rectangle{}, errNowhere
}
