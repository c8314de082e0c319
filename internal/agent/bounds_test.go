package agent

import (
	"bytes"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestLimitsHaveDefaults(t *testing.T) {
	if got, want := (Limits{}).withDefaults(), (Limits{90 * time.Second, 64 << 20, 64}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	chosen := Limits{1, 1, 1}
	if got := chosen.withDefaults(); got != chosen {
		t.Errorf("got %+v, want %+v", got, chosen)
	}
	if got := (Limits{Time: time.Minute}).maxDelay(); got != 54*time.Second {
		t.Errorf("got a delay of %v, want 54s", got)
	}
}

func TestParametersAreAcceptedUpToTheirBounds(t *testing.T) {
	limits := Limits{Time: 10 * time.Second, Bytes: 100, Runs: 1}
	name := func(n int) string { return strings.Repeat("x", n) }
	tests := []struct {
		params string
		kind   Kind // "" is none
	}{
		{"reset id=x", ""},
		{"reset id=x delay=9000 take=100 give=100", ""},
		{"reset id=x delay=9001", overLimit},
		{"reset id=x take=101", overLimit},
		{"reset id=x take=5 give=6", overLimit},
		{"reset id=x give=1", overLimit},
		{"answer-late id=x keepalive=3600", ""},
		{"answer-late id=x keepalive=3601", overLimit},
		{"answer-late id=x keepalive=-1", malformed},
		{"reset id=x keepalive=1", unknown},
		{"reset id=x delay=-1", malformed},
		{"reset id=x delay=1.5", malformed},
		{"reset id=x delay=", malformed},
		{"reset id=x delay=99999999999999999999", malformed},
		{"reset id=" + name(maxName), ""},
		{"reset id=" + name(maxName+1), malformed},
		{"reset id=x group=" + name(maxName), ""},
		{"reset id=x group=" + name(maxName+1), malformed},
		{"reset group=x", malformed},
	}
	for _, tt := range tests {
		r, err := parseRequest("echod-agent/1 RUN " + tt.params)
		if err != nil {
			t.Fatal(err)
		}
		sc, err := (&Server{}).findScenario(r)
		if err != nil {
			t.Fatal(err)
		}
		_, err = sc.script(r, limits)
		got := Kind("")
		if refusal, ok := err.(*Refusal); ok {
			got = refusal.Kind
		}
		if got != tt.kind {
			t.Errorf("%.40s: got %v, want kind %q", tt.params, err, tt.kind)
		}
	}
	r, _ := parseRequest("echod-agent/1 RUN reset id=x delay=7 take=6 give=5")
	sc, _ := (&Server{}).findScenario(r)
	got, err := sc.script(r, limits)
	if diff := cmp.Diff(script{7 * time.Millisecond, 6, 5, 0}, got, cmp.AllowUnexported(script{})); diff != "" || err != nil {
		t.Errorf("%v, -want +got:\n%s", err, diff)
	}
}

// TestRequestAloneUsesNoMemory checks that memory is allocated for received bytes only.
func TestRequestAloneUsesNoMemory(t *testing.T) {
	r := newRun(t.Context(), request{}, script{})
	r.maxBytes, r.in = math.MaxInt64, strings.NewReader("four")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got, err := r.readExactly(maxKept)
	runtime.ReadMemStats(&after)
	if string(got) != "four" || err != io.ErrUnexpectedEOF {
		t.Errorf("got %q, %v", got, err)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > maxKept/4 {
		t.Errorf("got %d bytes allocated for 4", n)
	}
}

func TestReadExactlyLeavesTheRest(t *testing.T) {
	for _, n := range []int{0, 1, 4} {
		r := newRun(t.Context(), request{}, script{})
		in := strings.NewReader("four")
		r.maxBytes, r.in = math.MaxInt64, in
		if got, err := r.readExactly(n); string(got) != "four"[:n] || err != nil || in.Len() != 4-n {
			t.Errorf("%d: got %q, %v, and %d bytes not read", n, got, err, in.Len())
		}
	}
}

func TestRunReceivesBytesUpToItsLimit(t *testing.T) {
	for sent, want := range map[int]error{4: nil, 5: errBytes} {
		r := newRun(t.Context(), request{}, script{})
		r.maxBytes, r.in = 4, bytes.NewReader(make([]byte, sent))
		if err := r.take(); err != want {
			t.Errorf("%d of 4 bytes: got %v, want %v", sent, err, want)
		}
	}
}

func TestAnswerLateKeepsAtMostAMebibyte(t *testing.T) {
	r := newRun(t.Context(), request{}, script{})
	r.maxBytes, r.in = math.MaxInt64, bytes.NewReader(make([]byte, maxKept+1))
	if err := r.answerLate(); err != errBytes || r.maxBytes != maxKept {
		t.Errorf("got %v and the limit %d", err, r.maxBytes)
	}
}

func TestFirstLineHasAMaximumLength(t *testing.T) {
	c, _ := start(t, &Server{})
	line := func(n int) string {
		const head = "echod-agent/1 HELLO token="
		return head + strings.Repeat("x", n-len(head)-1) + "\n"
	}
	if got := send(t, c, line(MaxLine)); !strings.HasPrefix(got, "echod-agent/1 ok ") {
		t.Errorf("%d bytes: got %q", MaxLine, got)
	}
	if got := send(t, c, line(MaxLine+1)); !strings.HasPrefix(got, "echod-agent/1 error malformed want a first line of at most 1024 bytes") {
		t.Errorf("%d bytes: got %q", MaxLine+1, got)
	}
}

// TestDocumentNamesTestsOfThisPackage checks the table of bounds in docs/agent.md.
func TestDocumentNamesTestsOfThisPackage(t *testing.T) {
	text, err := os.ReadFile("../../docs/agent.md")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	var tests []byte
	for _, name := range files {
		file, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		tests = append(tests, file...)
	}
	named := regexp.MustCompile("`(Test[A-Za-z]+)`").FindAllStringSubmatch(string(text), -1)
	for _, match := range named {
		if !bytes.Contains(tests, []byte("func "+match[1]+"(")) {
			t.Errorf("docs/agent.md names %s, which does not exist", match[1])
		}
	}
	if len(named) < 20 {
		t.Errorf("got %d names of tests, want at least 20", len(named))
	}
}
