package enginetest

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"echod/internal/engine"
)

// childVariable is the environment variable that makes a test binary a server
// for its parent's tests instead of running its own.
const childVariable = "ECHOD_ENGINETEST_CHILD"

// hasMain tells that Main was called, so that the binary may start itself.
var hasMain bool

// Main runs the tests of an engine's package, which calls it from TestMain. Some
// cases kill the server, stop it or take its descriptors away; for these the
// test binary starts itself once more, and Main then serves with one of engines.
func Main(m *testing.M, engines ...engine.Engine) {
	hasMain = true
	told := os.Getenv(childVariable)
	if told == "" {
		runSideBySide()
		os.Exit(m.Run())
	}
	if err := serveChild(told, engines); err != nil {
		fmt.Fprintln(os.Stderr, "child:", err)
		os.Exit(1)
	}
}

// runSideBySide lets more cases run at once than there are processors, unless
// the command line says how many: most of the time they wait.
func runSideBySide() {
	const parallel, cases = "test.parallel", "6"
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == parallel })
	if !given {
		flag.Set(parallel, cases)
	}
}
