//go:build realidp

package realidp_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"portillon/internal/realidp"
)

// What there is to test against; set before any test runs.
var (
	kratosBinary string
	casProgram   *realidp.CASProgram // nil: none
)

func TestMain(m *testing.M) {
	var err error
	if kratosBinary, err = realidp.BuildKratos(context.Background(), os.Stderr); err != nil {
		missing("Kratos", err)
		return
	}
	if casProgram, err = realidp.BuildCAS(context.Background(), os.Stderr); err != nil {
		missing("CAS", err)
	}
	os.Exit(m.Run())
}

func missing(name string, err error) {
	if os.Getenv("REQUIRE_REAL_IDP") == "1" {
		fmt.Fprintf(os.Stderr, "FAIL: no %s to test against: %v\n", name, err)
		os.Exit(1)
	}
	fmt.Fprintf(os.Stderr, "NOT RUN, NOTHING WAS TESTED AGAINST %s: %v\n", name, err)
}
