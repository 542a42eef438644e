// Package field holds the three fields a student types into: the e-mail, the
// password and the code. None is a widget.Entry.
package field
