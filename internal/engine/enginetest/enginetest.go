// Package enginetest tests that an engine keeps the contract of package engine, over
// real sockets. The tests of an engine are then three lines:
//
//	func TestMain(m *testing.M) { enginetest.Main(m, gonet.New()) }
//
//	func TestEngine(t *testing.T) { enginetest.Run(t, gonet.New()) }
//
// The name of a case is a claim. A case that fails logs which promises are broken, by
// their codes in docs/promises.md:
//
//	S1  prefix      a client receives a prefix of what it sent
//	S2  honest end  after a clean end of file it has received everything;
//	                every other end is a reset
//	S3  bound       owed bytes of a stream use at most Config.Buffer, those of all
//	                streams at most Limits.MaxMemory
//	S4  isolation   stalled peers do not delay others
//	S5  progress    owed bytes move while the peer reads and the network works
//	S6  accounting  bytes in = bytes out + discarded; one cause for each end
//	S7  no timeout  a stream lasts until the client ends it
//	U1  answer      an answer equals one datagram, and comes from its destination
//	U2  volume      never more packets or bytes out than in
//	U3  sources     datagrams that could start a loop or a flood are not answered
//	U4  rate        answers to other machines are limited
//	U5  loops       another echo service is muted
//	U6  counted     every dropped datagram is counted with its reason
//	P1  service     no error of the environment ends a listener
//	P2  shortage    no busy loop without descriptors or memory, and recovery after it
//	P3  baseline    descriptors, goroutines and memory return to where they were
//	P5  drain       Shutdown serves the queue, lets streams finish, and resets and
//	                counts the rest when its time is up
//	P6  robustness  no input makes the process panic or exit
//	P7  reasons     every refusal, drop and reset is counted with its reason
//	P8  logging     nothing waits for the reader of the log
//
// Cases wait for events, with a generous limit: none of them measures how fast an
// engine is. Cases that measure the whole process run alone, before the others.
package enginetest

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"echod/internal/engine"
)

// testCase is one claim and the code that tests it.
type testCase struct {
	name    string // the claim
	promise string // what is broken if it fails: codes of promises, and words
	on      string // the networks to test it on, separated by spaces; "" is tcp
	alone   bool   // it measures the process or needs most of its descriptors
	traced  bool   // it also runs with a trace, see RunTraced
	run     func(trial)
}

// allCases returns the cases in the order in which they run.
func allCases() []testCase {
	return slices.Concat(
		serverCases, allocationCases, peersCases, traceCases, ruleCases, streamCases, endCases, resetCases, timeoutCases,
		limitCases, memoryCases, isolationCases, drainCases, tlsCases, tlsMemoryCases, unixCases, datagramCases, linuxCases,
	)
}

// trial is one run of a case, on one engine and network.
type trial struct {
	*testing.T
	engine  engine.Engine
	network string
	traced  bool // each server traces its connections
}

// Run runs every case on e. If this system does not support the engine, it skips the
// test with the reason. If the environment variable ECHOD_REQUIRE, a list of names
// separated by commas, has the engine's name, the test fails instead.
func Run(t *testing.T, e engine.Engine) {
	if !available(t, e) {
		return
	}
	for _, c := range allCases() {
		t.Run(c.name, func(t *testing.T) { c.runOn(t, e, false) })
	}
}

// runOn runs the case on each of its networks.
func (c testCase) runOn(t *testing.T, e engine.Engine, traced bool) {
	if !c.alone {
		t.Parallel()
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log("broken promise: " + c.promise)
		}
	})
	networks := strings.Fields(c.on)
	if len(networks) == 0 {
		networks = []string{"tcp"}
	}
	for _, network := range networks {
		run := func(t *testing.T) {
			if !e.Caps().Serves(network) {
				t.Skipf("engine %s does not serve %s", e.Name(), network)
			}
			c.run(trial{T: t, engine: e, network: network, traced: traced})
		}
		if len(networks) == 1 {
			run(t)
		} else {
			t.Run(network, func(t *testing.T) {
				if !c.alone {
					t.Parallel()
				}
				run(t)
			})
		}
	}
}

// available reports whether e works on this system. It skips the test, or fails it, if
// not.
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

// childVariable is the environment variable with the childConfig of a child. With it, a
// test binary is a server for the tests of its parent, and runs none itself.
const childVariable = "ECHOD_ENGINETEST_CHILD"

// hasMain reports whether Main was called, so that the test binary can start itself.
var hasMain bool

// Main runs the tests of an engine's package, whose TestMain calls it. Some cases kill
// the server, stop it or use up its descriptors. For them the test binary starts itself
// again, and Main then serves with one of engines.
func Main(m *testing.M, engines ...engine.Engine) {
	hasMain = true
	config := os.Getenv(childVariable)
	if config == "" {
		setParallel()
		os.Exit(m.Run())
	}
	if err := serveChild(config, engines); err != nil {
		fmt.Fprintln(os.Stderr, "child:", err)
		os.Exit(1)
	}
}

// setParallel runs more cases at once than there are processors, because most of the
// time they wait. A -parallel on the command line wins.
func setParallel() {
	const parallel, cases = "test.parallel", "6"
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == parallel })
	if !given {
		flag.Set(parallel, cases)
	}
}
