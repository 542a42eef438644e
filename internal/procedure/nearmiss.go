// Package procedure is what the invigilators' guide knows, as data and pure
// functions. The login machine, the help screens and the rehearsal service read it.
package procedure

// NearMiss is a placeholder that never suggests; the real one replaces this file.
func NearMiss(address string, domains []string) (string, bool) { return "", false }
