package echotest_test

import (
	"context"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"echod/check"
	"echod/echotest"
)

// everyByte are the rules that look at more than the first few thousand bytes.
var everyByte = []string{
	"stream/chunking",
	"stream/half-close",
	"stream/half-close-owed",
	"stream/slow-reader",
	"stream/concurrency",
}

// caughtBy says which rules a fault breaks: these, and no others.
var caughtBy = map[string][]string{
	"loses-tail":     {"stream/half-close", "stream/half-close-owed"},
	"closes-at-fin":  {"stream/half-close", "stream/half-close-owed"},
	"short-grace":    {"stream/half-close-owed"},
	"resets-for-fin": {"stream/half-close", "stream/half-close-owed", "stream/fin-only", "stream/close-latency"},
	"ignores-empty":  {"stream/fin-only"},
	"closes-first":   {"stream/no-early-fin"},
	"lingers":        {"stream/close-latency"},

	"answers-at-eof": {
		"stream/first-byte", "stream/binary-exact", "stream/chunking", "stream/no-early-fin",
		"stream/concurrency",
	},
	"sniffs":       {"stream/first-byte"},
	"answers-http": {"stream/binary-exact"},
	"sends-banner": append([]string{
		"stream/first-byte", "stream/no-unsolicited", "stream/binary-exact", "stream/no-early-fin",
	}, everyByte...),

	"swaps-bytes": everyByte,
	"drops-byte":  everyByte,
	"adds-byte":   everyByte,

	"buffers-unbounded":     {"stream/backpressure"},
	"cuts-slow-reader":      {"stream/slow-reader"},
	"blocks-behind-stalled": {"stream/concurrency"},
	"one-at-a-time":         {"stream/concurrency"},

	"truncates-datagrams": {"datagram/exact"},
	"answers-elsewhere":   {"datagram/source"},
}

// byTheClock says which rules a fault breaks, too, when the machine is so busy
// that what the rule does takes long enough to set it off.
var byTheClock = map[string][]string{
	"cuts-slow-reader": {"stream/half-close-owed"},
}

// mayCatch are those of the rules in got that a busy machine explains.
func mayCatch(fault echotest.Fault, got []string) []string {
	return slices.DeleteFunc(slices.Clone(byTheClock[fault.Name]), func(id string) bool {
		return !slices.Contains(got, id)
	})
}

// TestEachFaultIsCaughtByItsRulesAndNoOther is the matrix of faults and rules.
// Most of a run is waiting, so several go on side by side.
func TestEachFaultIsCaughtByItsRulesAndNoOther(t *testing.T) {
	type run struct {
		fault  echotest.Fault
		report chan *check.Report
	}
	var runs []run
	places := make(chan struct{}, 6) // on a busy machine more than that is a load of its own
	for _, fault := range echotest.Faults() {
		server := echotest.NewBroken(t, fault)
		r := run{fault, make(chan *check.Report, 1)}
		go func() {
			places <- struct{}{}
			defer func() { <-places }()
			r.report <- checkServer(t, server)
		}()
		runs = append(runs, r)
	}
	caught := make(map[string]bool)
	for _, r := range runs {
		t.Run(r.fault.Name, func(t *testing.T) {
			report := <-r.report
			if report == nil {
				return
			}
			got := failed(report)
			want := append(mayCatch(r.fault, got), caughtBy[r.fault.Name]...)
			if diff := cmp.Diff(inOrder(want), got); diff != "" {
				t.Errorf("a server that %s broke other rules (-want +got):\n%s", r.fault.Sentence, diff)
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
	var names []string
	for _, fault := range echotest.Faults() {
		names = append(names, fault.Name)
	}
	slices.Sort(names)
	if diff := cmp.Diff(names, slices.Sorted(maps.Keys(caughtBy))); diff != "" {
		t.Errorf("faults and matrix differ (-faults +matrix):\n%s", diff)
	}
}

func TestHonestServerPassesEveryRule(t *testing.T) {
	for _, tt := range []struct {
		network string
		start   func(testing.TB) *echotest.Server
	}{
		{"tcp", echotest.NewServer},
		{"unix", echotest.NewUnixServer},
		{"udp", echotest.NewUDPServer},
	} {
		t.Run(tt.network, func(t *testing.T) {
			t.Parallel()
			report := checkServer(t, tt.start(t))
			if report == nil {
				return
			}
			if got := report.Verdict(); got != check.Pass {
				t.Errorf("got %s, want pass", got)
				report.WriteText(t.Output(), false)
			}
		})
	}
}

// checkServer runs every rule on server. The timeout is longer than what
// lingers lingers, and short because what never comes is waited for.
func checkServer(t *testing.T, server *echotest.Server) *check.Report {
	target, err := check.ParseTarget(server.URL())
	if err != nil {
		t.Error(err)
		return nil
	}
	report, err := check.Run(context.Background(), target, check.Options{Timeout: 4 * time.Second})
	if err != nil {
		t.Error(err)
		return nil
	}
	return report
}

// failed are the rules that report says neither pass nor skip of.
func failed(report *check.Report) []string {
	var ids []string
	for _, r := range report.Results {
		if r.Verdict != check.Pass && r.Verdict != check.Skip {
			ids = append(ids, r.Rule)
		}
	}
	return ids
}

// inOrder puts IDs in the order of the rules.
func inOrder(ids []string) []string {
	var sorted []string
	for _, rule := range check.Rules() {
		if slices.Contains(ids, rule.ID) {
			sorted = append(sorted, rule.ID)
		}
	}
	return sorted
}
