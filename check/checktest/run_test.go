package checktest_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"echod/check"
	"echod/check/checktest"
)

// short has the rules that wait wait less.
func short(o *check.Options) { o.Bulk, o.Stall = 4<<20, time.Second }

// A proxy of twenty lines keeps every rule, if it passes on each FIN and does
// not close before both directions are done.
func TestProxy(t *testing.T) {
	checktest.Run(t, through(t, copyAndFinish), short)
}

// broken is set in the process that shows what a failure looks like.
const broken = "CHECKTEST_BROKEN"

func TestBrokenProxyForItself(t *testing.T) {
	if os.Getenv(broken) == "" {
		t.Skip("it is run, and fails, in a process of its own: see TestFailureOfARuleIsExplained")
	}
	checktest.Run(t, through(t, copyAndClose), checktest.Only("stream/half-close", "stream/fin-only", "stream/idle"), short)
}

func TestFailureOfARuleIsExplained(t *testing.T) {
	cmd := exec.Command(os.Args[0], "-test.run=^TestBrokenProxyForItself$", "-test.v")
	cmd.Env = append(os.Environ(), broken+"=1")
	text, err := cmd.CombinedOutput()
	if err == nil {
		t.Error("a proxy that closes both directions at one FIN passed")
	}
	for _, want := range []string{
		"--- FAIL: TestBrokenProxyForItself/stream/half-close ",
		"--- PASS: TestBrokenProxyForItself/stream/fin-only ",
		"--- SKIP: TestBrokenProxyForItself/stream/idle ",
		"stream/half-close: premature-eof",
		"means   The reply to a client that has finished sending is lost",
		"cause   a proxy or tunnel that takes the client's FIN for the end of both directions",
		"remedy  ",
		"needs --long",
		"seed    ",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("missing: %s", want)
		}
	}
	if t.Failed() {
		t.Logf("%s", text)
	}
}
