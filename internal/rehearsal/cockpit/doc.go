// Package cockpit is where staff look up people and their addresses: the menu
// «Personnes et fonctions» of the guide for exam rooms. internal/rehearsal serves it.
//
//	GET  /connexion, POST /connexion, /deconnexion    signing in, by argon2id
//	GET  /personnes, POST /personnes                  the list; what was searched for stays in the session
//	POST /personnes/export, /personnes/majoration     «Action de masse» on the ticked rows
//	GET  /personnes/{id}, POST /personnes/{id}        a person's page
//	POST /personnes/{id}/adresses[/supprimer]         secondary addresses
//	GET  /import, POST /import, /import/confirmer     a promotion from a CSV file, dry run first
//	GET  /journal                                     who changed what, for twelve months
//	GET  /confidentialite                             what is kept, why, and for how long
//
// Who may: readers look people up, managers change them too, admins read the log too.
// A change of an address takes effect for the login at the next slot (procedure.NextOf),
// and the page says when. What people are called, and their addresses, stand in pages and
// in the database, never in an address of a page or a line of the service's log.
package cockpit
