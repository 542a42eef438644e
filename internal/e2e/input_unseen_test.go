package e2e

import (
	"database/sql"
	"testing"

	"portillon/internal/e2e/hands"
	"portillon/internal/rehearsal/keys"
)

// Unicode characters as keysyms (X protocol, appendix A); no layout has keys for these.
const (
	wCircumflex   = 0x01000175 // ŵ, an ordinary letter
	rightToLeft   = 0x0100200f // RIGHT-TO-LEFT MARK
	override      = 0x0100202e // RIGHT-TO-LEFT OVERRIDE
	isolate       = 0x01002067 // RIGHT-TO-LEFT ISOLATE
	zeroWidth     = 0x0100200b // ZERO WIDTH SPACE
	byteOrderMark = 0x0100feff
	bell          = 0x01000007
	nextLine      = 0x01000085
)

// TestUnseenCharacters types what nobody sees into the e-mail and the password, on a keyboard that has
// keys for it: direction marks, which would turn an address around before the eye, spaces without
// width, control characters. None is taken, and what was typed around them is whole.
func TestUnseenCharacters(t *testing.T) {
	r := enter(t)
	unseen := []uint32{rightToLeft, override, isolate, zeroWidth, byteOrderMark, bell, nextLine}
	r.must(r.hands.Teach(append([]uint32{wCircumflex}, unseen...)...))
	r.press(wCircumflex) // what it was taught reaches the tablet
	r.see(emailScreen("ŵ"))
	r.press(hands.BackSpace)
	r.see(emailScreen(""))
	r.press(unseen...)
	r.press(hands.Return)
	r.see(emailScreen("", fault("error.email.empty", 0)))
	scattered := func(text string) {
		t.Helper()
		for i, c := range text {
			r.press(unseen[i%len(unseen)])
			r.write(string(c))
		}
		r.press(unseen...)
		r.must(r.hands.Chord([]uint32{hands.ControlL}, 'g')) // the bell as a terminal takes it
	}
	scattered(camille.address)
	r.see(emailScreen(camille.address))
	r.press(hands.Return)
	r.on("password")
	r.see(passwordScreen(camille))
	scattered(camille.password)
	r.press(hands.Return)
	r.connect()
}

// TestCodeWithLeadingZeros: they are digits like the others, on both sides.
func TestCodeWithLeadingZeros(t *testing.T) {
	r := enter(t)
	r.identify(claire)
	r.askCode()
	r.code(claire.address, 1)
	r.see(codeScreen(claire))
	const code = "000407"
	r.drawn(code)
	r.write(code[3:])
	r.press(hands.Return)
	r.see(codeScreen(claire, fault("error.code.short", 6)))
	for range code[3:] {
		r.press(hands.BackSpace)
	}
	r.write(code)
	r.press(hands.Return)
	r.connect()
}

// drawn makes the code that was sent another, as if the service had drawn that one: chance gives one
// code in a thousand three zeros.
func (r *room) drawn(code string) {
	r.t.Helper()
	ring, err := keys.Load(r.path("data/keys"))
	r.must(err)
	db, err := sql.Open("sqlite", "file:"+r.path("data/rehearsal.db")+"?_pragma=busy_timeout(10000)")
	r.must(err)
	var id int64
	var salt []byte
	r.must(db.QueryRowContext(r.t.Context(), `SELECT id, salt FROM codes ORDER BY id DESC LIMIT 1`).Scan(&id, &salt))
	_, err = db.ExecContext(r.t.Context(), `UPDATE codes SET mac = ? WHERE id = ?`, ring.MAC("one-time code", salt, []byte(code)), id)
	r.must(err)
	r.must(db.Close())
}
