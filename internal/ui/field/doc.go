// Package field holds the three fields a student types into: the e-mail, the
// password and the code. None is a widget.Entry: there is no clipboard, undo,
// selection or context menu to reach a secret by, and no copy of one is left behind.
//
//	Email   shows a text that lives with the caller (login.State); every key is
//	        told, and SetText brings the answer.
//	Secret  keeps a password in an identity.Secret, one locked page; it draws
//	        bullets, or each character as an object of its own. No Go string ever
//	        holds two characters of it side by side.
//	Code    keeps a one-time code the same way, one digit a cell.
//
// Keys come from the on-screen keyboard (Rune, Replace, Backspace) and from a
// hardware keyboard (fyne.Focusable), alongside. The caret does not blink: blinking
// alone would cost ten times what the rest of the program draws.
//
// Only internal/ui/screen makes them. All methods belong to the UI goroutine.
package field
