//go:build !linux

package enginetest

import (
	"errors"

	"echod/internal/engine"
)

// linuxCases need Linux to cause their faults.
var linuxCases []testCase

func serveChild(string, []engine.Engine) error { return errors.ErrUnsupported }
