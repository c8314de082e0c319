//go:build !linux

package enginetest

import (
	"errors"
	"syscall"

	"echod/internal/engine"
)

// linuxCases are none: they need Linux to cause their faults.
var linuxCases []testCase

func serveChild(string, []engine.Engine) error { return errors.ErrUnsupported }

// narrow leaves a socket as it is: peers stall later.
func narrow(_, _ string, _ syscall.RawConn) error { return nil }
