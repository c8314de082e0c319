//go:build linux && (amd64 || arm64)

package sandbox_test

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"echod/internal/cli"
	"echod/internal/engine/enginetest"
	"echod/internal/sandbox"
)

// TestMain does what a variable says, in a process that confines itself. Without one it
// runs the tests.
func TestMain(m *testing.M) {
	switch filtered = os.Getenv(underFilter) != ""; {
	case filtered:
		os.Unsetenv(underFilter) // child processes inherit the filter, and cannot add another one
		sandbox.DieWhenRefused()
		exitOn(sandbox.FilterOnly(append(clientCalls, oldClientCalls[runtime.GOARCH]...), []uint32{unix.SYS_UNSHARE}))
	case os.Getenv(attemptsVariable) != "":
		results, err := makeAttempts(os.Getenv(attemptsVariable))
		exitOn(err)
		exitOn(json.NewEncoder(os.Stdout).Encode(results))
		return
	case os.Getenv(numbersVariable) != "":
		results, err := makeCalls()
		exitOn(err)
		exitOn(json.NewEncoder(os.Stdout).Encode(results))
		return
	case os.Getenv(socketVariable) != "":
		_, err := sandbox.RestrictFiles(sandbox.Needs{Sockets: []string{os.Getenv(socketVariable)}})
		exitOn(err)
		return
	case os.Getenv(asEchod) != "":
		sandbox.DieWhenRefused()
		os.Exit(cli.Main())
	}
	enginetest.Main(m, engines()...)
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
