// Package keyboard is the on-screen keyboard: AZERTY for the e-mail and the
// password, a pad for the code.
package keyboard
