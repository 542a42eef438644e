// Package realidp starts real identity servers for tests: servers nobody here wrote, on
// loopback, with TLS, a database of their own, and mail that goes to a mailbox in the
// test. Tests of adapters and of the whole tablet use it; no program does.
//
//	BuildKratos ──→ the binary, made once from the Go module proxy and kept in the
//	                user's cache directory (build.go)
//	StartKratos ──→ migrate, serve, wait until it is ready (kratos.go, settings.go)
//	   .Add            people, through the administrator's API
//	   .Codes          what was mailed to an address
//	   .Stop, .Start   the same data, another process
//	   .Requests       what the server's own log says it was asked
//
//	BuildCAS ────→ its modules, by Maven, and a Java runtime (casbuild.go, cas/pom.xml)
//	StartCAS ────→ with the settings and the few states that are this package's
//	               (cassettings.go, cas/wiring.groovy); .Add, .Codes, .Stop, .Start as above
//	   .Attempts       how often CAS says that it judged a password or a code
//
// `make test-real` runs the tests against them (build tag realidp). With REQUIRE_REAL_IDP=1 a
// server that cannot be had is a failure; without it the tests say so and end.
package realidp
