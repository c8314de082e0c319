package enginetest

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"echod/internal/engine"
)

// testCase is one claim and the code that tries it.
type testCase struct {
	name    string // the claim, after the fault that it is tried with
	promise string // what a failure breaks, in words
	on      string // the networks to try it on, separated by spaces; "" is tcp
	alone   bool   // it measures the process or needs most of its descriptors
	run     func(trial)
}

// trial is a case being tried on one engine over one network.
type trial struct {
	*testing.T
	engine  engine.Engine
	network string
}

// Run tries every case on e. An engine that this system does not have is
// skipped, with its reason, unless the environment variable ECHOD_REQUIRE, a
// list of names separated by commas, holds its name: then it fails.
func Run(t *testing.T, e engine.Engine) {
	if !available(t, e) {
		return
	}
	for _, c := range slices.Concat(
		serverCases, peersCases, ruleCases, streamCases, endCases, resetCases, timeoutCases,
		limitCases, memoryCases, isolationCases, drainCases, tlsCases, tlsMemoryCases, unixCases, datagramCases, linuxCases,
	) {
		t.Run(c.name, func(t *testing.T) { c.try(t, e) })
	}
}

// try runs the case on each of its networks.
func (c testCase) try(t *testing.T, e engine.Engine) {
	if !c.alone {
		t.Parallel()
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log("promised: " + c.promise)
		}
	})
	networks := strings.Fields(c.on)
	if len(networks) == 0 {
		networks = []string{"tcp"}
	}
	for _, network := range networks {
		try := func(t *testing.T) {
			if !e.Caps().Serves(network) {
				t.Skipf("engine %s does not serve %s", e.Name(), network)
			}
			c.run(trial{T: t, engine: e, network: network})
		}
		if len(networks) == 1 {
			try(t)
		} else {
			t.Run(network, func(t *testing.T) {
				if !c.alone {
					t.Parallel()
				}
				try(t)
			})
		}
	}
}

// available reports whether e works here. A skip that nobody may take is a
// failure.
func available(t *testing.T, e engine.Engine) bool {
	t.Helper()
	err := e.Probe()
	required := slices.Contains(strings.Split(os.Getenv("ECHOD_REQUIRE"), ","), e.Name())
	switch {
	case err == nil:
		return true
	case errors.Is(err, engine.ErrUnsupported) && !required:
		t.Skipf("engine %s: %v", e.Name(), err)
	default:
		t.Fatalf("engine %s: %v", e.Name(), err)
	}
	return false
}
