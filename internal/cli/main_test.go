//go:build unix

package cli

import (
	"os"
	"testing"
	"time"
)

// patience bounds how long a test waits for what must happen.
const patience = 20 * time.Second

// asEchod makes this test binary echod itself, for tests that need a process.
const asEchod = "ECHOD_TEST_IS_ECHOD"

func TestMain(m *testing.M) {
	if os.Getenv(asEchod) != "" {
		os.Exit(Main())
	}
	os.Exit(m.Run())
}
