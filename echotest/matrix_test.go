package echotest_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"echod/check"
	"echod/echotest"
)

// everyByte are the rules that look at more than the first few thousand bytes.
var everyByte = []string{
	"stream/chunking",
	"stream/size-sweep",
	"stream/bulk",
	"stream/half-close",
	"stream/half-close-owed",
	"stream/slow-reader",
	"stream/zero-window",
	"stream/concurrency",
}

// and is the union of sets of rules.
func and(rules []string, more ...string) []string { return slices.Concat(rules, more) }

// caughtBy says which rules a server's fault breaks: these, and no others.
var caughtBy = map[string][]string{
	"loses-tail":     {"stream/half-close", "stream/half-close-owed"},
	"closes-at-fin":  {"stream/half-close", "stream/half-close-owed"},
	"short-grace":    {"stream/half-close-owed"},
	"resets-for-fin": {"stream/half-close", "stream/half-close-owed", "stream/fin-only", "stream/close-latency"},
	"ignores-empty":  {"stream/fin-only"},
	"closes-first":   {"stream/no-early-fin"},
	"lingers":        {"stream/close-latency"},

	"answers-at-eof": {
		"stream/first-byte", "stream/binary-exact", "stream/chunking", "stream/size-sweep",
		"stream/no-early-fin", "stream/concurrency",
	},
	"sniffs":       {"stream/first-byte", "stream/size-sweep"},
	"answers-http": {"stream/binary-exact"},
	"sends-banner": and(everyByte,
		"stream/first-byte", "stream/no-unsolicited", "stream/binary-exact", "stream/no-early-fin"),

	"swaps-bytes":       everyByte,
	"drops-byte":        everyByte,
	"adds-byte":         everyByte,
	"changes-late-byte": {"stream/bulk"},

	"buffers-unbounded":     {"stream/backpressure"},
	"cuts-slow-reader":      {"stream/slow-reader", "stream/zero-window"},
	"cuts-stalled":          {"stream/zero-window"},
	"blocks-behind-stalled": {"stream/concurrency"},
	"one-at-a-time":         {"stream/concurrency"},

	"truncates-datagrams": {"datagram/exact"},
	"answers-elsewhere":   {"datagram/source"},
	"answers-low-ports":   {"datagram/loop-guard"},
	"mutes-floods":        {"datagram/order-loss"},

	"ends-without-notify": {"tls/half-close"},
	"accepts-truncation":  {"tls/truncation"},
}

// caughtOnTheWay says the same of proxies' faults.
var caughtOnTheWay = map[string][]string{
	"closes-both-at-fin": {
		"stream/half-close", "stream/half-close-late", "stream/half-close-owed", "stream/server-fin",
	},
	"swallows-fin": {
		"stream/half-close", "stream/half-close-late", "stream/half-close-owed", "stream/fin-only",
		"stream/server-fin", "stream/churn", "stream/close-latency",
	},
	"turns-fin-into-reset": {
		"stream/half-close", "stream/half-close-late", "stream/half-close-owed", "stream/fin-only",
		"stream/server-fin", "stream/close-latency",
	},
	"turns-reset-into-fin": {"stream/rst-to-server", "stream/rst-to-client", "stream/rst-after-data"},
	"leaks-half-open":      {"stream/server-fin", "stream/churn"},
	"cuts-half-closed":     {"stream/half-close-late", "stream/server-fin"},
	"cuts-idle":            {},
	"resets-idle":          {},
	"forgets-idle":         {"stream/idle"},
	"accepts-first":        {"stream/refused"},

	"stores-until-eof": {
		"stream/first-byte", "stream/binary-exact", "stream/chunking", "stream/size-sweep",
		"stream/no-early-fin", "stream/concurrency",
	},
	"drops-large-pieces": and(everyByte, "stream/half-close-late", "stream/server-fin", "stream/rst-after-data"),
	"changes-byte":       and(everyByte, "stream/rst-after-data"),
	"drops-tail":         {"stream/half-close-owed"},
	"hoards":             {"stream/backpressure"},

	"drops-large-datagrams":     {"datagram/exact"},
	"loses-datagrams":           {},
	"duplicates-datagrams":      {},
	"reorders-datagrams":        {},
	"answers-from-another-port": {"datagram/source"},
	"forgets-mapping":           {"datagram/nat-idle"},
}

// byTheClock says which rules a fault breaks or not, as a busy machine has it:
// what they do takes long enough to set it off, or does not.
var byTheClock = map[string][]string{
	"short-grace":      {"stream/half-close"},
	"closes-first":     {"stream/concurrency"},
	"cuts-slow-reader": {"stream/half-close-owed"},
	"cuts-stalled":     {"stream/half-close-owed", "stream/slow-reader"},
	"drops-tail":       {"stream/half-close"},
	"cuts-half-closed": {"stream/half-close", "stream/half-close-owed"},
	"cuts-idle":        {"stream/half-close-owed", "stream/slow-reader", "stream/zero-window"},
	"resets-idle":      {"stream/half-close-owed", "stream/slow-reader", "stream/zero-window"},
	"forgets-idle":     {"stream/half-close-owed", "stream/slow-reader", "stream/zero-window"},
}

// TestEachFaultIsCaughtByItsRulesAndNoOther is the matrix of faults and rules.
// Most of a run is waiting, so several go on side by side.
func TestEachFaultIsCaughtByItsRulesAndNoOther(t *testing.T) {
	rows := allRows()
	runs := startRuns(t, rows)
	caught := make(map[string]bool)
	for i, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			report := <-runs[i]
			if report == nil {
				return
			}
			for _, r := range report.Results {
				if r.Verdict == check.Skip && slices.Contains(row.caughtBy, r.Rule) && strings.Contains(r.Detail, "privilege") {
					caught[r.Rule] = true
					t.Skipf("%s: %s", r.Rule, r.Detail)
				}
			}
			got := withVerdict(report, check.Fail, check.Error)
			if diff := cmp.Diff(inOrder(row.want(got)), got); diff != "" {
				t.Errorf("what %s broke other rules (-want +got):\n%s", row.sentence, diff)
				report.WriteText(t.Output(), false)
			}
			for _, id := range got {
				caught[id] = true
			}
		})
	}
	for _, rule := range check.Rules() {
		if !caught[rule.ID] {
			t.Errorf("no fault breaks %s: then it is not a rule", rule.ID)
		}
	}
}

func TestMatrixNamesEveryFaultAndOnlyThose(t *testing.T) {
	var servers, proxies []string
	for _, fault := range echotest.Faults() {
		servers = append(servers, fault.Name)
	}
	for _, fault := range echotest.ProxyFaults() {
		proxies = append(proxies, fault.Name)
	}
	slices.Sort(servers)
	slices.Sort(proxies)
	if diff := cmp.Diff(servers, slices.Sorted(maps.Keys(caughtBy))); diff != "" {
		t.Errorf("servers' faults and matrix differ (-faults +matrix):\n%s", diff)
	}
	if diff := cmp.Diff(proxies, slices.Sorted(maps.Keys(caughtOnTheWay))); diff != "" {
		t.Errorf("proxies' faults and matrix differ (-faults +matrix):\n%s", diff)
	}
}

var update = flag.Bool("update", false, "write docs/faults.md anew")

// TestFaultsDocumentIsTheMatrix: -update writes it.
func TestFaultsDocumentIsTheMatrix(t *testing.T) {
	const file = "../docs/faults.md"
	want := faultsDocument()
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("%s is stale; go test ./echotest -run Document -update (-want +got):\n%s", file, diff)
	}
}

const faultsPreface = `<!-- generated by go test ./echotest -run Document -update -->

# What each rule catches

Every rule of ` + "`echod check`" + ` is failed by at least one server or proxy that is
broken on purpose (package ` + "`echotest`" + `), and no fault breaks a rule that is not
listed with it. A test runs all of it and holds this page to what it found.
`

func faultsDocument() string {
	var doc strings.Builder
	doc.WriteString(faultsPreface)
	rows := allRows()
	for _, kind := range []string{"server", "proxy"} {
		fmt.Fprintf(&doc, "\n## A %s that …\n\n| # | fault | the %s | breaks |\n|--:|---|---|---|\n", kind, kind)
		for i, row := range rows {
			if row.kind == kind {
				fmt.Fprintf(&doc, "| %d | %s | %s | %s |\n", i+1, row.name, row.sentence, code(inOrder(row.caughtBy), row.byTheClock))
			}
		}
	}
	doc.WriteString("\nIn parentheses: as a busy machine has it.\n")
	doc.WriteString("\n## Rule by fault\n\n| rule |")
	for i := range rows {
		fmt.Fprintf(&doc, " %d |", i+1)
	}
	doc.WriteString("\n|---|" + strings.Repeat("---|", len(rows)) + "\n")
	for _, rule := range check.Rules() {
		fmt.Fprintf(&doc, "| %s |", rule.ID)
		for _, row := range rows {
			mark := " "
			if slices.Contains(row.caughtBy, rule.ID) {
				mark = "×"
			}
			fmt.Fprintf(&doc, " %s |", mark)
		}
		doc.WriteByte('\n')
	}
	return doc.String()
}

func code(rules, perhaps []string) string {
	var words []string
	for _, id := range rules {
		words = append(words, "`"+id+"`")
	}
	for _, id := range perhaps {
		words = append(words, "(`"+id+"`)")
	}
	return strings.Join(words, " ")
}
