package rehearsal

// PasswordsHashed is how many passwords a core has worked on: the part of an answer's time
// that would tell who exists.
func (s *Server) PasswordsHashed() int { return s.hasher.Done() }
