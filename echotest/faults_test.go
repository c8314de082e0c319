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

// everyByte lists the rules that compare more than the first few thousand bytes.
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

// and returns the union of sets of rules.
func and(rules []string, more ...string) []string { return slices.Concat(rules, more) }

// serverFaults has the rules that fail with each fault of a server. All other rules
// pass.
var serverFaults = map[string][]string{
	"drops-last-bytes":          {"stream/half-close", "stream/half-close-owed"},
	"closes-on-fin":             {"stream/half-close", "stream/half-close-owed"},
	"closes-soon-after-fin":     {"stream/half-close-owed"},
	"resets-on-fin":             {"stream/half-close", "stream/half-close-owed", "stream/fin-only", "stream/close-latency"},
	"ignores-empty-stream":      {"stream/fin-only"},
	"closes-after-first-answer": {"stream/no-early-fin"},
	"closes-late":               {"stream/close-latency"},

	"answers-after-fin": {
		"stream/first-byte", "stream/binary-exact", "stream/chunking", "stream/size-sweep",
		"stream/no-early-fin", "stream/concurrency",
	},
	"waits-for-eight-bytes": {"stream/first-byte", "stream/size-sweep"},
	"answers-http":          {"stream/binary-exact"},
	"sends-banner": and(everyByte,
		"stream/first-byte", "stream/no-unsolicited", "stream/binary-exact", "stream/no-early-fin"),

	"swaps-bytes":       everyByte,
	"drops-byte":        everyByte,
	"adds-byte":         everyByte,
	"changes-late-byte": {"stream/bulk"},

	"buffers-without-limit":        {"stream/backpressure"},
	"disconnects-slow-reader":      {"stream/slow-reader", "stream/zero-window"},
	"resets-stalled-reader":        {"stream/zero-window"},
	"blocks-behind-stalled-reader": {"stream/concurrency"},
	"serves-one-at-a-time":         {"stream/concurrency"},

	"truncates-datagrams":       {"datagram/exact"},
	"answers-from-another-port": {"datagram/source"},
	"answers-low-ports":         {"datagram/loop-guard"},
	"drops-bursts":              {"datagram/order-loss"},

	"omits-close-notify": {"tls/half-close"},
	"accepts-truncation": {"tls/truncation"},
}

// proxyFaults has the same for faults of proxies.
var proxyFaults = map[string][]string{
	"closes-both-on-fin": {
		"stream/half-close", "stream/half-close-late", "stream/half-close-owed", "stream/server-fin",
	},
	"drops-fin": {
		"stream/half-close", "stream/half-close-late", "stream/half-close-owed", "stream/fin-only",
		"stream/server-fin", "stream/churn", "stream/close-latency",
	},
	"turns-fin-into-reset": {
		"stream/half-close", "stream/half-close-late", "stream/half-close-owed", "stream/fin-only",
		"stream/server-fin", "stream/close-latency",
	},
	"turns-reset-into-fin":      {"stream/rst-to-server", "stream/rst-to-client", "stream/rst-after-data"},
	"leaks-close-wait":          {"stream/server-fin", "stream/churn"},
	"closes-half-closed":        {"stream/half-close-late", "stream/server-fin"},
	"closes-idle":               {},
	"resets-idle":               {},
	"forgets-idle":              {"stream/idle"},
	"accepts-before-connecting": {"stream/refused"},

	"stores-until-fin": {
		"stream/first-byte", "stream/binary-exact", "stream/chunking", "stream/size-sweep",
		"stream/no-early-fin", "stream/concurrency",
	},
	"drops-large-chunks":        and(everyByte, "stream/half-close-late", "stream/server-fin", "stream/rst-after-data"),
	"changes-byte":              and(everyByte, "stream/rst-after-data"),
	"drops-unread-bytes":        {"stream/half-close-owed"},
	"reads-ahead-without-limit": {"stream/backpressure"},

	"drops-large-datagrams": {"datagram/exact"},
	"drops-datagrams":       {},
	"duplicates-datagrams":  {},
	"reorders-datagrams":    {},
	"changes-source-port":   {"datagram/source"},
	"forgets-mapping":       {"datagram/nat-idle"},
}

// onBusyMachine has the rules that may fail with a fault too: if the machine is busy,
// the rule takes long enough to trigger the timeout in the fault.
var onBusyMachine = map[string][]string{
	"closes-soon-after-fin":     {"stream/half-close"},
	"closes-after-first-answer": {"stream/concurrency"},
	"disconnects-slow-reader":   {"stream/half-close-owed"},
	"resets-stalled-reader":     {"stream/half-close-owed", "stream/slow-reader"},
	"drops-unread-bytes":        {"stream/half-close"},
	"closes-half-closed":        {"stream/half-close", "stream/half-close-owed"},
	"closes-idle":               {"stream/half-close-owed", "stream/slow-reader", "stream/zero-window"},
	"resets-idle":               {"stream/half-close-owed", "stream/slow-reader", "stream/zero-window"},
	"forgets-idle":              {"stream/half-close-owed", "stream/slow-reader", "stream/zero-window"},
}

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
				if r.Verdict == check.Skip && slices.Contains(row.fails, r.Rule) && strings.Contains(r.Detail, "privilege") {
					failed[r.Rule] = true
					t.Skipf("%s: %s", r.Rule, r.Detail)
				}
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

func TestTablesHaveEveryFaultAndNoOthers(t *testing.T) {
	var servers, proxies []string
	for _, fault := range echotest.Faults() {
		servers = append(servers, fault.Name)
	}
	for _, fault := range echotest.ProxyFaults() {
		proxies = append(proxies, fault.Name)
	}
	slices.Sort(servers)
	slices.Sort(proxies)
	if diff := cmp.Diff(servers, slices.Sorted(maps.Keys(serverFaults))); diff != "" {
		t.Errorf("faults of servers (-Faults +table):\n%s", diff)
	}
	if diff := cmp.Diff(proxies, slices.Sorted(maps.Keys(proxyFaults))); diff != "" {
		t.Errorf("faults of proxies (-ProxyFaults +table):\n%s", diff)
	}
}

var update = flag.Bool("update", false, "write docs/faults.md")

func TestFaultsDocumentIsUpToDate(t *testing.T) {
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
		t.Errorf("%s is out of date: run go test ./echotest -run Document -update (-want +got):\n%s", file, diff)
	}
}

const faultsPreface = `<!-- generated by go test ./echotest -run Document -update -->

# What each rule detects

The package ` + "`echotest`" + ` has servers and proxies that are broken on purpose, each with
one fault. Every rule of ` + "`echod check`" + ` fails with at least one fault, and a fault
fails no other rules than those listed here. A test runs all rules against all faults,
and compares the results with this page.
`

func faultsDocument() string {
	var doc strings.Builder
	doc.WriteString(faultsPreface)
	rows := allRows()
	for _, kind := range []struct{ one, all string }{{"server", "servers"}, {"proxy", "proxies"}} {
		fmt.Fprintf(&doc, "\n## Faults of %s\n\n| # | fault | the %s | rules that fail |\n|--:|---|---|---|\n", kind.all, kind.one)
		for i, row := range rows {
			if row.kind == kind.one {
				fmt.Fprintf(&doc, "| %d | %s | %s | %s |\n", i+1, row.name, row.description, code(inOrder(row.fails), row.onBusyMachine))
			}
		}
	}
	doc.WriteString("\nRules in parentheses may fail on a busy machine.\n")
	doc.WriteString("\n## Rules and faults\n\n| rule |")
	for i := range rows {
		fmt.Fprintf(&doc, " %d |", i+1)
	}
	doc.WriteString("\n|---|" + strings.Repeat("---|", len(rows)) + "\n")
	for _, rule := range check.Rules() {
		fmt.Fprintf(&doc, "| %s |", rule.ID)
		for _, row := range rows {
			mark := " "
			if slices.Contains(row.fails, rule.ID) {
				mark = "×"
			}
			fmt.Fprintf(&doc, " %s |", mark)
		}
		doc.WriteByte('\n')
	}
	return doc.String()
}

func code(rules, onBusyMachine []string) string {
	var words []string
	for _, id := range rules {
		words = append(words, "`"+id+"`")
	}
	for _, id := range onBusyMachine {
		words = append(words, "(`"+id+"`)")
	}
	return strings.Join(words, " ")
}
