//go:build unix

package cli

import (
	"os"
	"testing"
	"time"
)

// testTimeout limits the wait for something that must happen.
const testTimeout = 20 * time.Second

// asEchod is the variable that makes this test binary run echod, for tests that need a
// process.
const asEchod = "ECHOD_TEST_IS_ECHOD"

func TestMain(m *testing.M) {
	if os.Getenv(asEchod) != "" {
		os.Exit(Main())
	}
	os.Exit(m.Run())
}
