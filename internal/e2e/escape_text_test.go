package e2e

import (
	"database/sql"
	"errors"
	"image"
	"strings"

	"portillon/internal/e2e/hands"
)

// serverTexts are names as an attacker's service would give them. They come to the screen with the
// student's session.
func serverTexts() map[string]string {
	return map[string]string{
		"markdown":   "[Ouvrir la messagerie](https://mail.example) **gras** ![x](file:///etc/passwd)",
		"url":        "https://mail.example/ mailto:a@b.example xdg-open://x",
		"html":       `<a href="https://mail.example">ici</a><script>alert(1)</script><img src=x onerror=alert(1)>`,
		"control":    "Camille\x1b]8;;https://mail.example\x07lien\x1b]8;;\x07\x07\x08\x7f\r\n\x0b\u0085\u2028fin",
		"rtl":        "\u202eelliaC\u202c \u2066x\u2069 \u200f\u061cعائشة שרה\u202b",
		"format":     "%s%n%x {{.Name}} ${HOME} $(xdg-open x) `sh`",
		"combining":  "Z" + strings.Repeat("\u0310\u0324", 200),
		"long":       strings.Repeat("Camille ", 500),
		"one-word":   strings.Repeat("W", 3000),
		"wide":       strings.Repeat("\ufdfd\U0001F469\u200d\U0001F680", 50),
		"not-a-rune": "\ufffe\uffff\U0010ffff\ufeff\u0000?",
	}
}

// textTries log in a person with such a name, who is greeted with it.
func textTries() []try {
	var out []try
	texts := serverTexts()
	for _, name := range sortedKeys(texts) {
		out = append(out, try{name: name, item: "server-text", elsewhere: true, do: func(e *escapee) {
			e.rename(camille, texts[name])
			e.loginByKeys(camille)
			e.on("connected")
			e.settle()
			e.must(e.hands.Tap(e.set.size.X/2, 250)) // where a link would be
		}})
	}
	return out
}

// rename does what a cockpit does that takes any name.
func (e *escapee) rename(p person, name string) {
	e.t.Helper()
	db, err := sql.Open("sqlite", "file:"+e.path("data/rehearsal.db")+"?_pragma=busy_timeout(10000)")
	e.must(err)
	res, err := db.ExecContext(e.t.Context(), `UPDATE accounts SET name = ? WHERE id =
		(SELECT account_id FROM addresses WHERE address = ?)`, name, p.address)
	e.must(err)
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		e.t.Fatalf("%d accounts changed, %v", n, err)
	}
	e.must(db.Close())
}

// everyKeyTries: nothing that a French keyboard can write does harm, typed or held on the screen.
func everyKeyTries() []try {
	return []try{
		{name: "typed", item: "every-key", elsewhere: true, do: func(e *escapee) {
			for _, c := range octave.password {
				e.knock(uint32(c))
			}
			for dead := uint32(0xfe50); dead <= 0xfe5b; dead++ {
				e.knock(dead)
				e.knock(0xf9) // ù: a screen locker has crashed on it
			}
		}},
		{name: "held-while-typing", item: "every-key", elsewhere: true, do: func(e *escapee) {
			for y := 490; y < 740; y += 55 {
				for x := 57; x < 1280; x += 111 {
					at := image.Pt(x, y)
					e.must(e.hands.Move(at.X, at.Y))
					e.must(e.hands.Down(1))
					e.write("\u00f9a")
					e.hold500()
					e.must(e.hands.Up(1))
					e.press(hands.BackSpace, hands.BackSpace)
				}
			}
		}},
	}
}

// knock presses a key, if this keyboard has it.
func (e *escapee) knock(sym uint32) {
	e.t.Helper()
	if err := e.hands.Press(sym); !errors.Is(err, hands.ErrNoKey) {
		e.must(err)
	}
}
