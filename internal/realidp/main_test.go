//go:build realidp

package realidp_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"portillon/internal/realidp"
)

// kratosBinary is set before any test runs.
var kratosBinary string

func TestMain(m *testing.M) {
	path, err := realidp.BuildKratos(context.Background(), os.Stderr)
	switch {
	case err == nil:
		kratosBinary = path
		os.Exit(m.Run())
	case os.Getenv("REQUIRE_REAL_IDP") == "1":
		fmt.Fprintln(os.Stderr, "FAIL: no Kratos to test against:", err)
		os.Exit(1)
	}
	fmt.Fprintln(os.Stderr, "NOT RUN, NOTHING WAS TESTED: no Kratos to test against:", err)
}
