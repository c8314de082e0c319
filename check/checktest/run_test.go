package checktest_test

import (
	"context"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"echod/check"
	"echod/check/checktest"
)

// short shortens the rules that take long.
func short(o *check.Options) { o.Bulk, o.Stall = 4<<20, time.Second }

// A proxy of twenty lines passes every rule if it forwards each FIN and closes only when
// both directions have ended. All but one: the sockets of net.Listen are without
// SO_OOBINLINE, so urgent data is lost.
func TestProxy(t *testing.T) {
	checktest.Run(t, through(t, copyAndFinish), short, checktest.Skip("stream/urgent"))
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

// counted is the environment variable of the process that counts the connects.
const counted = "CHECKTEST_COUNTED"

func TestCountedProxyInAnotherProcess(t *testing.T) {
	if os.Getenv(counted) == "" {
		t.Skip("TestOnlyTheSelectedRuleRuns runs it in another process")
	}
	dial, dials := through(t, copyAndFinish), new(atomic.Int64)
	t.Cleanup(func() { t.Logf("connects: %d", dials.Load()) })
	checktest.Run(t, func(ctx context.Context) (net.Conn, error) {
		dials.Add(1)
		return dial(ctx)
	}, short)
}

// runCounted runs some of the rules in another process. It returns the number of connects,
// and what go test says.
func runCounted(t *testing.T, rules string) (connects int, text string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestCountedProxyInAnotherProcess$/"+rules, "-test.v")
	cmd.Env = append(os.Environ(), counted+"=1")
	out, err := cmd.CombinedOutput()
	found := regexp.MustCompile(`connects: (\d+)`).FindSubmatch(out)
	if err != nil || found == nil {
		t.Fatalf("%v\n%s", err, out)
	}
	connects, _ = strconv.Atoi(string(found[1]))
	return connects, string(out)
}

func TestOnlyTheSelectedRuleRuns(t *testing.T) {
	none, _ := runCounted(t, "^none$")
	for _, tt := range []struct {
		rule     string
		connects int     // of the rule
		atLeast  float64 // seconds, which the rule waits
	}{
		{"stream/first-byte", 5, 0},
		{"stream/no-unsolicited", 5, 1},
		{"stream/half-close", 25, 0},
		{"stream/zero-window", 1, 1}, // of a stage whose rules run at the same time
	} {
		family, name, _ := strings.Cut(tt.rule, "/")
		connects, text := runCounted(t, "^"+family+"$/^"+name+"$")
		if connects != none+tt.connects {
			t.Errorf("%s: got %d connects, want %d: other rules ran\n%s", tt.rule, connects-none, tt.connects, text)
		}
		line := regexp.MustCompile(`--- PASS: \S+/` + tt.rule + ` \((\S+)s\)`).FindStringSubmatch(text)
		if line == nil {
			t.Errorf("%s did not pass:\n%s", tt.rule, text)
		} else if took, _ := strconv.ParseFloat(line[1], 64); took < tt.atLeast {
			t.Errorf("%s took %vs, want its own time, at least %vs", tt.rule, took, tt.atLeast)
		}
	}
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
