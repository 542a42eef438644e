package rehearsal

import (
	"net/http"

	"portillon/internal/rehearsal/demouniversity"
)

// PasswordsHashed is how many passwords a core has worked on: the part of an answer's time
// that would tell who exists.
func (s *Server) PasswordsHashed() int { return s.hasher.Done() }

// DisturbUniversities has the demonstration's know more students, and puts something between the
// portal and them: between gets what carries a request on. Either may be nil.
func (o *Options) DisturbUniversities(students []demouniversity.Student, between func(http.RoundTripper) http.RoundTripper) {
	o.students, o.between = students, between
}
