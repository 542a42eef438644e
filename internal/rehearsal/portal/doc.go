// Package portal is the web site where a student creates the password of Compte UNESS
// weeks before an exam, and changes or recovers it, as the «compte» guide has it. The
// service's doorway mounts it; nothing else calls it.
//
//	GET  /                        «Connectez vous»
//	GET  /connexion               the e-mail                              POST → …/choix
//	GET  /connexion/choix         «Continuer», or password, or code
//	POST /connexion/mot-de-passe  → /compte        POST /connexion/envoi  → …/code
//	GET  /connexion/code          the code mailed                         POST → /compte
//	GET  /universite              the list                                POST «Sélection» → university
//	GET  /universite/verifier     names easily confused                   POST → university
//	GET  /universite/retour/{id}  the university's answer: link is mailed → /lien-envoye
//	GET  /lien-envoye             the address to copy; wait               POST another link
//	GET  /lien/{secret}           from the mail → /mot-de-passe
//	GET  /mot-de-passe            the new password                        POST «Créer» → …/cree
//	POST /mot-de-passe/avis       what is wrong with one, while it is typed (JSON)
//	GET  /mot-de-passe/cree       «Se connecter»
//	GET  /compte                  signed in                               POST /deconnexion
//
// Who exists is told to nobody: no page before the university's answer looks anybody
// up, and password and code go through oauth.Service.Inside, whose answers are the same
// for all. What a university answers is the same for all too: a link is mailed, and the
// account made when it is used, where there is none.
//
// A link is known by its hash, lives 24 hours and creates one password. Reading it in
// the mail does not use it (mail filters open links); asking for another leaves it as
// good as it was; creating a password ends all others to the address.
//
// What a session remembers (see flow) is sealed: the database tells no verifier, no
// holder and no address.
package portal
