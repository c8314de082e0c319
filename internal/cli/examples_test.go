package cli

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"echod/echotest"
	"echod/internal/watch"
)

// TestExamplesInHelpAreValid parses the flags and the URLs of every example.
func TestExamplesInHelpAreValid(t *testing.T) {
	seen := map[string]int{}
	for _, page := range append(verbsOf(testRoot()), testRoot()) {
		text := strings.ReplaceAll(helpFor(page), "\\\n", "")
		for line := range strings.Lines(text) {
			line = regexp.MustCompile(`^ *\$ (ECHOD_\w+=\S+ )?`).ReplaceAllString(line, "$ ")
			args, found := strings.CutPrefix(strings.TrimSpace(line), "$ echod ")
			if !found || strings.ContainsAny(args, "|>(") && !strings.Contains(args, "'") {
				continue
			}
			words := strings.Fields(strings.ReplaceAll(args, "'", ""))
			cmd, rest, err := testRoot().Find(words)
			if err != nil {
				t.Errorf("%s: %v", args, err)
				continue
			}
			seen[cmd.Name()]++
			if err := cmd.ParseFlags(rest); err != nil {
				t.Errorf("%s: %v", args, err)
			}
			if err := cmd.ValidateArgs(cmd.Flags().Args()); err != nil {
				t.Errorf("%s: %v", args, err)
			}
			for _, arg := range cmd.Flags().Args() {
				_, err := watch.Parse(arg)
				if (strings.HasSuffix(cmd.Use, " URL") || cmd.Name() == "ping") && err != nil {
					t.Errorf("%s: %v", args, err)
				}
			}
		}
	}
	for _, verb := range []string{"check", "serve", "agent", "bench", "ping", "watch", "report", "cert", "selftest"} {
		if seen[verb] == 0 {
			t.Errorf("help has no example of %s", verb)
		}
	}
}

// TestExamplesOfBenchAreNotContradictory makes the plan of each example.
func TestExamplesOfBenchAreNotContradictory(t *testing.T) {
	for _, match := range regexp.MustCompile(`\$ echod bench (.*)`).FindAllStringSubmatch(strings.ReplaceAll(helpFor(newBench(&Process{})), "\\\n", ""), -1) {
		f, cmd := newBenchFlags(), &cobra.Command{}
		f.register(cmd, &Process{})
		if err := cmd.ParseFlags(strings.Fields(strings.ReplaceAll(match[1], "'", ""))); err != nil {
			t.Errorf("%s: %v", match[1], err)
		} else if _, err := f.planFor(cmd.Flags().Arg(0)); err != nil {
			t.Errorf("%s: %v", match[1], err)
		}
	}
}

// sampleOutput returns the lines that help shows as the output of a command which begins with
// args.
func sampleOutput(t *testing.T, cmd *cobra.Command, args string) []string {
	t.Helper()
	_, text, found := strings.Cut(helpFor(cmd), "\n    $ echod "+args)
	if !found {
		t.Fatalf("help has no example echod %s", args)
	}
	var lines []string
	for _, block := range parseHelp(text)[1:] {
		switch block.kind {
		case verbatim:
			lines = append(lines, strings.TrimPrefix(block.text, "    "))
		case blank:
			lines = append(lines, "")
		default:
			return lines[:len(lines)-1]
		}
	}
	return lines
}

// normal returns a line without its figures and the widths of its columns.
func normal(line string) string {
	line = regexp.MustCompile(`[\d.]+ ?(ns|µs|ms|s)\b`).ReplaceAllString(line, "TIME")
	line = regexp.MustCompile(`:\d+`).ReplaceAllString(line, ":PORT")
	return strings.Join(strings.Fields(line), " ")
}

// TestSampleOfPingIsWhatPingPrints has an interval that is longer than the pauses of a busy
// machine, which ping would tell.
func TestSampleOfPingIsWhatPingPrints(t *testing.T) {
	code, out, complaint := runEchod(t, "ping", "-c", "3", "-i", "0.3", "-W", "20", echotest.NewServer(t).URL())
	if code != OK {
		t.Fatal(complaint)
	}
	var want, got []string
	for _, line := range sampleOutput(t, newPing(&Process{}), "ping -c 3") {
		want = append(want, normal(line))
	}
	for line := range strings.Lines(out) {
		got = append(got, normal(line))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-help +ping)\n%s", diff)
	}
}

// TestSampleOfBenchHasTheFiguresThatBenchPrints lets bench compute all the time: the kernel counts
// CPU time in ticks of 10 ms. Which figures are good depends on the machine.
func TestSampleOfBenchHasTheFiguresThatBenchPrints(t *testing.T) {
	_, out, complaint := runEchod(t, "bench", "--rate", "5000/s", "--spin", "1s", "-d", "500ms", "-c", "1",
		"--threshold", "p99<10ms", "--threshold", "failed<1", echotest.NewServer(t).URL())
	out = strings.SplitN(out, "\n\n", 3)[2] // after the plan and the result
	name := func(line string) string {
		name, _, _ := strings.Cut(line, "  ")
		return name
	}
	var want, got []string
	// Without the second line of the command, the result, and blank lines.
	for _, line := range sampleOutput(t, newBench(&Process{}), "bench --rate 5000/s --duration 5s")[5:] {
		want = append(want, name(line))
	}
	for line := range strings.Lines(out) {
		if line = strings.TrimSuffix(line, "\n"); !strings.HasPrefix(line, "behind: ") && !strings.HasPrefix(line, "  in") {
			got = append(got, name(line))
		}
	}
	if diff := cmp.Diff(slices.Compact(want), slices.Compact(got)); diff != "" {
		t.Errorf("%s(-help +bench)\n%s", complaint, diff)
	}
}
