package echotest_test

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"echod/check"
)

// cannotHere matches why a rule is skipped on some machines or systems.
var cannotHere = regexp.MustCompile("privilege|on Linux only")

// TestEachFaultFailsItsRulesAndNoOthers runs all faults at the same time, because most
// of a run is waiting.
func TestEachFaultFailsItsRulesAndNoOthers(t *testing.T) {
	rows := allRows()
	runs := startRuns(t, rows)
	failed := make(map[string]bool)
	for i, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			report := <-runs[i]
			if report == nil {
				return
			}
			for _, r := range report.Results {
				if r.Verdict == check.Fail {
					checkLife(t, r)
				}
				if r.Verdict == check.Skip && slices.Contains(row.Fails, r.Rule) && cannotHere.MatchString(r.Detail) {
					failed[r.Rule] = true
					if os.Getenv("ECHOD_REQUIRE") != "" {
						t.Fatalf("%s: %s", r.Rule, r.Detail)
					}
					t.Skipf("%s: %s", r.Rule, r.Detail)
				}
			}
			if report.NotEcho != nil {
				t.Fatalf("a %s that %s: %s: %s", row.kind, row.description, report.NotEcho.Summary(), report.NotEcho.Seen)
			}
			got := withVerdict(report, check.Fail, check.Error)
			if diff := cmp.Diff(inOrder(row.want(got)), got); diff != "" {
				t.Errorf("a %s that %s fails other rules (-want +got):\n%s", row.kind, row.description, diff)
				report.WriteText(t.Output(), false)
			}
			for _, id := range got {
				failed[id] = true
			}
		})
	}
	for _, rule := range check.Rules() {
		if !failed[rule.ID] {
			t.Errorf("%s fails with no fault: every rule needs one", rule.ID)
		}
	}
}

func TestFaultsNameRulesAndTablesNameFaults(t *testing.T) {
	faults := make(map[string]bool)
	for _, row := range allRows() {
		faults[row.name] = true
		rules := slices.Concat(row.Fails, row.MayFail)
		if got := inOrder(rules); len(got) != len(rules) {
			t.Errorf("%s fails %q: want different rules that exist", row.name, rules)
		}
	}
	for _, name := range slices.Concat(longest, slices.Collect(maps.Keys(settings)), slices.Collect(maps.Keys(patient)), slices.Collect(maps.Keys(hidden)), early) {
		if !faults[name] {
			t.Errorf("a table of this test has %s, which is not a fault", name)
		}
	}
}
