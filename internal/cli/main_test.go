//go:build unix

package cli

import (
	"flag"
	"os"
	"testing"
	"time"
)

// testTimeout limits the wait for something that must happen.
const testTimeout = 20 * time.Second

// asEchod is the variable that makes this test binary run echod, for tests that need a
// process.
const asEchod = "ECHOD_TEST_IS_ECHOD"

// TestMain runs more tests side by side than there are processors: most of their time is
// spent waiting.
func TestMain(m *testing.M) {
	if os.Getenv(asEchod) != "" {
		os.Exit(Main())
	}
	flag.Parse()
	flag.Set("test.parallel", "16")
	os.Exit(m.Run())
}
