package checktest_test

import (
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"echod/check"
	"echod/check/checktest"
)

// short shortens the rules that take long.
func short(o *check.Options) { o.Bulk, o.Stall = 4<<20, time.Second }

// A proxy of twenty lines passes every rule if it forwards each FIN and closes only when
// both directions have ended.
func TestProxy(t *testing.T) {
	checktest.Run(t, through(t, copyAndFinish), short)
}

// broken is the environment variable of the process whose test fails.
const broken = "CHECKTEST_BROKEN"

func TestBrokenProxyInAnotherProcess(t *testing.T) {
	if os.Getenv(broken) == "" {
		t.Skip("TestAFailedRuleIsExplained runs it in another process, where it fails")
	}
	checktest.Run(t, through(t, copyAndClose), checktest.Only("stream/half-close", "stream/fin-only", "stream/idle"), short)
}

func TestNoProxyInAnotherProcess(t *testing.T) {
	if os.Getenv(broken) == "" {
		t.Skip("TestATargetThatIsNotAnEchoIsOneFailure runs it in another process, where it fails")
	}
	checktest.Run(t, through(t, func(dst, src *net.TCPConn) { dst.Close() }), short)
}

func TestAFailedRuleIsExplained(t *testing.T) {
	wantFailure(t, "TestBrokenProxyInAnotherProcess",
		"--- FAIL: TestBrokenProxyInAnotherProcess/stream/half-close ",
		"--- PASS: TestBrokenProxyInAnotherProcess/stream/fin-only ",
		"--- SKIP: TestBrokenProxyInAnotherProcess/stream/idle ",
		"stream/half-close: premature-eof",
		"means   A client that has finished sending loses the reply",
		"cause   a proxy or tunnel that closes both directions when the client sends a FIN",
		"remedy  ",
		"needs --long",
		"seed    ")
}

func TestATargetThatIsNotAnEchoIsOneFailure(t *testing.T) {
	text := wantFailure(t, "TestNoProxyInAnotherProcess",
		"--- FAIL: TestNoProxyInAnotherProcess ",
		"this is not an echo: it accepts connections and closes them at once",
		"seen    64 bytes sent: nothing, and ",
		"remedy  is the server behind it running?",
		"seed    ")
	if strings.Contains(text, "TestNoProxyInAnotherProcess/") {
		t.Errorf("rules have run:\n%s", text)
	}
}

// wantFailure runs a test in another process, and returns its output. The test must fail,
// and the output must contain each of want.
func wantFailure(t *testing.T, test string, want ...string) string {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^"+test+"$", "-test.v")
	cmd.Env = append(os.Environ(), broken+"=1")
	text, err := cmd.CombinedOutput()
	if err == nil {
		t.Errorf("%s passes", test)
	}
	for _, want := range want {
		if !strings.Contains(string(text), want) {
			t.Errorf("missing: %s", want)
		}
	}
	if t.Failed() {
		t.Logf("%s", text)
	}
	return string(text)
}
