package check_test

import (
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"echod/check"
)

// styled are what writes text for people, of reports that have everything.
func styled() map[string]func(io.Writer, check.TextStyle) error {
	direct := sample()
	direct.Results[1] = check.Result{Rule: "stream/half-close", Verdict: check.Pass, Offset: -1}
	unreachable := check.AddressReport{Target: check.Target{Network: "tcp", Address: "192.0.2.2:7"}, Err: errors.New("tcp://192.0.2.2:7 cannot be reached (refused)")}
	return map[string]func(io.Writer, check.TextStyle) error{
		"a report":        hard().WriteStyled,
		"rules so far":    hard().WriteSoFar,
		"not an echo":     notEcho().WriteStyled,
		"both so far":     check.Compare(hard(), direct).WriteSoFar,
		"a comparison":    check.Compare(hard(), direct).WriteStyled,
		"many addresses":  check.AddressReports{{Target: hard().Target, Report: hard()}, unreachable}.WriteStyled,
		"TLS, with a lot": longCommand().WriteStyled,
	}
}

// longCommand returns a report whose command to repeat a rule is long, with words in quotes.
func longCommand() *check.Report {
	return &check.Report{
		Target:  check.Target{Network: "unix", Address: "/run/it's a name/echo  socket"},
		Options: check.Options{Agent: "tls://agent.example:7008", Closed: "tcp://proxy.example:9", Seed: 1 << 63, Long: true, Unsafe: true},
		Results: []check.Result{{Rule: "tls/truncation-to-server", Verdict: check.Fail, Class: check.Truncated, Offset: -1, Detail: "cut", Elapsed: 1e11}},
	}
}

func TestNoLineIsWiderThanTheStyle(t *testing.T) {
	for name, write := range styled() {
		for _, brief := range []bool{false, true} {
			for width := 40; width <= 120; width++ {
				var text strings.Builder
				if err := write(&text, check.TextStyle{Width: width, Brief: brief}); err != nil {
					t.Fatal(err)
				}
				for line := range strings.Lines(text.String()) {
					line = strings.TrimSuffix(line, "\n")
					if n := utf8.RuneCountInString(line); n > width && strings.ContainsRune(strings.TrimSpace(line), ' ') && !strings.Contains(line, "/run/") {
						t.Errorf("%s: a line of %d columns, want at most %d: %s", name, n, width, line)
					}
				}
			}
		}
	}
}

// TestWidthChangesNoWord: a narrow report says what a wide one says.
func TestWidthChangesNoWord(t *testing.T) {
	words := func(write func(io.Writer, check.TextStyle) error, width int) []string {
		var text strings.Builder
		if err := write(&text, check.TextStyle{Width: width}); err != nil {
			t.Fatal(err)
		}
		return strings.Fields(strings.ReplaceAll(text.String(), " \\\n", "\n"))
	}
	for name, write := range styled() {
		for _, width := range []int{60, 80} {
			if diff := cmp.Diff(words(write, 1000), words(write, width)); diff != "" {
				t.Errorf("%s at %d columns (-wide +narrow):\n%s", name, width, diff)
			}
		}
	}
}

// TestShellReadsTheFoldedCommandAsOne lets a shell print the words of a command.
func TestShellReadsTheFoldedCommandAsOne(t *testing.T) {
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skip(err)
	}
	report := longCommand()
	var text strings.Builder
	report.WriteStyled(&text, check.TextStyle{Width: 40})
	_, folded, found := strings.Cut(text.String(), "  repeat  ")
	folded, _, ended := strings.Cut(folded, "\n\n")
	if !found || !ended || strings.Count(folded, " \\\n") < 3 {
		t.Fatalf("got no command of several lines:\n%s", text.String())
	}
	printed := func(command string) string {
		out, err := exec.Command(shell, "-c", fmt.Sprintf("printf '<%%s>\\n' %s", command)).Output()
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	if diff := cmp.Diff(printed(report.Command("tls/truncation-to-server")), printed(folded)); diff != "" {
		t.Errorf("words (-want +got):\n%s", diff)
	}
}

func TestRulesSoFarEndWithFailuresAndWhatTurnsOnTheOthers(t *testing.T) {
	report := &check.Report{Results: []check.Result{
		{Rule: "stream/half-close", Verdict: check.Fail, Class: check.Reset, Offset: -1},
		{Rule: "stream/churn", Verdict: check.Skip, Detail: "needs --agent"},
		{Rule: "stream/idle", Verdict: check.Skip, Detail: "needs --long"},
		{Rule: "stream/server-fin", Verdict: check.Skip, Detail: "needs --agent"},
		{Rule: "stream/bulk", Verdict: check.Pass, Detail: "1 MiB"},
		{Rule: "stream/rst-to-client", Verdict: check.Skip, Detail: "needs --agent"},
	}}
	var text strings.Builder
	if err := report.WriteSoFar(&text, check.TextStyle{Width: 80}); err != nil {
		t.Fatal(err)
	}
	const want = `stream/bulk        pass        0s  1 MiB
stream/half-close  fail        0s  reset
skipped (4): needs --agent: 3 rules; needs --long: stream/idle
`
	if diff := cmp.Diff(want, text.String()); diff != "" {
		t.Errorf("text (-want +got):\n%s", diff)
	}
}

func TestComparedRulesSoFarKeepTheVerdictOfThePath(t *testing.T) {
	path := &check.Report{Results: []check.Result{
		{Rule: "stream/half-close", Verdict: check.Fail, Class: check.Reset, Offset: -1},
		{Rule: "stream/bulk", Verdict: check.Pass},
		{Rule: "stream/fin-only", Verdict: check.Fail, Class: check.Reset, Offset: -1},
		{Rule: "stream/idle", Verdict: check.Skip, Detail: "needs --long"},
	}}
	direct := &check.Report{Results: []check.Result{{Rule: "stream/half-close", Verdict: check.Pass}}}
	var text strings.Builder
	if err := check.Compare(path, direct).WriteSoFar(&text, check.TextStyle{Width: 80}); err != nil {
		t.Fatal(err)
	}
	const want = `                   PATH   DIRECT
stream/bulk        pass   -
stream/half-close  fail   pass    path: reset
stream/fin-only    fail   -       reset
skipped (1): needs --long: stream/idle
`
	if diff := cmp.Diff(want, text.String()); diff != "" {
		t.Errorf("text (-want +got):\n%s", diff)
	}
}
