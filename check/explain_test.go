package check

import (
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// failed returns a result that failed.
func failed(rule Rule, class Class, evidence Evidence, size int64) Result {
	return Result{Rule: rule.ID, Verdict: Fail, Class: class, Evidence: evidence, Size: size, Offset: -1, Meaning: "M.", Cause: "c-" + rule.ID, Remedy: "r-" + rule.ID}
}

func TestOneReasonIsExplainedOnceAndAnotherStaysOnItsOwn(t *testing.T) {
	hole := failed(sizeSweep, Timeout, SizeLimit, 1401)
	tests := []struct {
		name    string
		results []Result
		want    map[string]string // rule → the rule that explains it
	}{
		{"larger amounts hang, too", []Result{hole, failed(bulk, Timeout, NothingPassed, 4<<20), failed(chunking, Timeout, "", 4095), failed(rstAfterData, Silent, "", 64<<10)},
			map[string]string{bulk.ID: sizeSweep.ID, chunking.ID: sizeSweep.ID, rstAfterData.ID: sizeSweep.ID}},
		{"a smaller amount hangs for another reason", []Result{hole, failed(halfClose, Timeout, NothingPassed, 1)}, nil},
		{"a reset is something else", []Result{hole, failed(bulk, Reset, "", 4<<20)}, nil},
		{"a stalled peer is something else", []Result{hole, failed(concurrency, Timeout, StalledPeer, 4096)}, nil},
		{"a connection limit is something else", []Result{hole, failed(concurrency, Timeout, ConnectionLimit, 0)}, nil},
		{"a FIN that does not come is something else", []Result{hole, failed(finOnly, Silent, "", 0), failed(closeLatency, Silent, "", 0)},
			map[string]string{closeLatency.ID: finOnly.ID}},
		{"nothing passes at all", []Result{failed(firstByte, Timeout, NothingPassed, 1), failed(sizeSweep, Timeout, NothingPassed, 1), failed(concurrency, Timeout, NothingPassed, 4096), failed(bulk, Timeout, "", 4<<20)},
			map[string]string{sizeSweep.ID: firstByte.ID, concurrency.ID: firstByte.ID}},
		{"changed bytes", []Result{failed(chunking, Corrupt, Changed, 4096), failed(bulk, Corrupt, Changed, 4<<20), failed(concurrency, Corrupt, OtherConnection, 4096)},
			map[string]string{bulk.ID: chunking.ID}},
		{"a protocol detector beside changed bytes", []Result{{Rule: chunking.ID, Verdict: Fail, Class: Corrupt, Evidence: Changed, Offset: 5000}, {Rule: binaryExact.ID, Verdict: Fail, Class: Corrupt, Evidence: Changed, Offset: 0}}, nil},
		{"the first of them passed", []Result{failed(bulk, Corrupt, Moved, 4<<20), failed(zeroWindow, Corrupt, Moved, 4<<20)},
			map[string]string{zeroWindow.ID: bulk.ID}},
		{"both directions closed at a FIN", []Result{failed(halfClose, PrematureEOF, "", 0), failed(halfCloseOwed, PrematureEOF, "", 1), failed(slowReader, PrematureEOF, "", 1)},
			map[string]string{halfCloseOwed.ID: halfClose.ID}},
		{"an idle timeout", []Result{failed(noUnsolicited, PrematureEOF, "", 0), failed(slowReader, Reset, "", 1), failed(zeroWindow, Reset, "", 1), failed(noEarlyFIN, Corrupt, "", 1)},
			map[string]string{slowReader.ID: noUnsolicited.ID, zeroWindow.ID: noUnsolicited.ID}},
		{"a deadlock", []Result{failed(bulk, Timeout, "", 4<<20), failed(halfCloseOwed, Timeout, "", 1<<20), failed(slowReader, Timeout, "", 1<<20), failed(zeroWindow, Timeout, NothingPassed, 1)},
			map[string]string{halfCloseOwed.ID: bulk.ID, slowReader.ID: bulk.ID}},
		{"a deadlock, and stream/bulk did not fit into the budget", []Result{{Rule: bulk.ID, Verdict: Skip}, failed(halfCloseOwed, PrematureEOF, "", 1<<20), failed(slowReader, Timeout, "", 1<<20), failed(zeroWindow, Timeout, "", 1)},
			map[string]string{zeroWindow.ID: slowReader.ID}},
		{"a limit on connections", []Result{failed(concurrency, Reset, ConnectionLimit, 0), failed(aborts, Reset, "", 0)},
			map[string]string{aborts.ID: concurrency.ID}},
		{"slots that are not freed", []Result{failed(concurrency, Timeout, StalledPeer, 0), failed(aborts, Timeout, "", 0)}, nil},
		{"a banner", []Result{{Rule: noUnsolicited.ID, Verdict: Fail, Class: ExtraBytes}, {Rule: firstByte.ID, Verdict: Fail, Class: Corrupt}, {Rule: bulk.ID, Verdict: Fail, Class: Corrupt, Offset: 1 << 20}},
			map[string]string{firstByte.ID: noUnsolicited.ID}},
		{"a banner of one of several servers", []Result{{Rule: firstByte.ID, Verdict: Fail, Class: Corrupt, Evidence: SomeConnections}, {Rule: noUnsolicited.ID, Verdict: Fail, Class: ExtraBytes, Evidence: SomeConnections}, {Rule: bulk.ID, Verdict: Fail, Class: Corrupt, Offset: 64}},
			map[string]string{firstByte.ID: noUnsolicited.ID, bulk.ID: noUnsolicited.ID}},
		{"clients see each other's bytes, and one of several servers changes some", []Result{failed(firstByte, Corrupt, SomeConnections, 0), failed(concurrency, Corrupt, OtherConnection, 0)}, nil},
		{"a server of datagrams that stops", []Result{failed(datagramExact, Silent, Stopped, 0), failed(orderLoss, Silent, NothingPassed, 0), failed(datagramEmpty, Silent, NothingPassed, 0)},
			map[string]string{orderLoss.ID: datagramExact.ID, datagramEmpty.ID: datagramExact.ID}},
		{"datagrams of other clients", []Result{failed(datagramExact, Corrupt, OtherConnection, 0), failed(datagramSource, Corrupt, Changed, 0), failed(datagramEmpty, Truncated, "", 0)},
			map[string]string{datagramSource.ID: datagramExact.ID, datagramEmpty.ID: datagramExact.ID}},
		{"a datagram that is cut is something else than a changed one", []Result{failed(datagramExact, Corrupt, Changed, 0), failed(datagramEmpty, Truncated, "", 0)}, nil},
		{"a server of datagrams that stops later", []Result{failed(orderLoss, Silent, Stopped, 0), failed(datagramEmpty, Silent, NothingPassed, 0)},
			map[string]string{datagramEmpty.ID: orderLoss.ID}},
		{"a hole does not explain silence", []Result{failed(datagramExact, Silent, Fragments, 0), failed(orderLoss, Silent, SourceLimit, 0)}, nil},
		{"an empty datagram that is ignored is something else", []Result{failed(orderLoss, Silent, SourceLimit, 0), failed(datagramEmpty, Silent, "", 0)}, nil},
		{"a rule that passed explains nothing", []Result{{Rule: sizeSweep.ID, Verdict: Pass}, failed(bulk, Timeout, NothingPassed, 4<<20)}, nil},
	}
	for _, tt := range tests {
		explain(tt.results, nil)
		var got map[string]string
		for _, r := range tt.results {
			if r.ExplainedBy != "" {
				if got == nil {
					got = make(map[string]string)
				}
				got[r.Rule] = r.ExplainedBy
			}
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestWrongBytesThatAnotherRuleDoesNotSeeAreNotBlamedOnEveryConnection(t *testing.T) {
	wrong := func(rule Rule, evidence Evidence, offset int64) Result {
		r := newResult(rule, "", &failure{class: Corrupt, evidence: evidence, offset: offset, detail: "seen"})
		return r
	}
	passed := func(rule Rule, compared int64) Result {
		return Result{Rule: rule.ID, Verdict: Pass, Offset: -1, Size: compared} // of a pass, only here
	}
	tests := []struct {
		name    string
		results []Result
		want    Evidence // of the first
	}{
		{"bulk compared more and passed", []Result{wrong(sizeSweep, Changed, 100), passed(bulk, 64<<20)}, SomeConnections},
		{"chunking compared more and passed", []Result{wrong(halfClose, Missing, 100), passed(chunking, 1<<20)}, SomeConnections},
		{"bulk ran out of time before it had compared as much", []Result{wrong(sizeSweep, Changed, 500<<10), passed(bulk, 400<<10)}, Changed},
		{"half-close sent less on a slow path", []Result{wrong(sizeSweep, Changed, 100<<10), passed(halfClose, 8<<10)}, Changed},
		{"all fail", []Result{wrong(sizeSweep, Changed, 100), wrong(bulk, Changed, 100)}, Changed},
		{"the other rules do not get that far", []Result{wrong(bulk, Changed, 40<<20), passed(chunking, 1<<20), passed(sizeSweep, 1<<20), passed(halfClose, 256<<10)}, Changed},
		{"only in a crowd", []Result{wrong(concurrency, Changed, 100), passed(bulk, 64<<20)}, Changed},
		{"bytes of another connection", []Result{wrong(sizeSweep, OtherConnection, 100), passed(bulk, 64<<20)}, OtherConnection},
	}
	for _, tt := range tests {
		compared := make(map[string]int64)
		for _, r := range tt.results {
			compared[r.Rule] = r.Size
		}
		explain(tt.results, compared)
		got := tt.results[0]
		if got.Evidence != tt.want {
			t.Errorf("%s: got %q (%s), want %q", tt.name, got.Evidence, got.Detail, tt.want)
		}
		if some := strings.Contains(got.Cause, "one of several servers"); some != (tt.want == SomeConnections) {
			t.Errorf("%s: got the cause %q", tt.name, got.Cause)
		}
	}
}

// explained is a report in which stream/size-sweep explains stream/chunking, and
// stream/binary-exact stays on its own.
func explained() *Report {
	r := &Report{Target: Target{Network: "tcp", Address: "192.0.2.1:7"}, Results: []Result{
		failed(chunking, Timeout, "", 4095), failed(binaryExact, Reset, "", 0), failed(sizeSweep, Timeout, SizeLimit, 1401),
	}}
	explain(r.Results, nil)
	return r
}

func TestFailuresAreAboveWhatIsInconclusiveAndAStoppedServerIsFirst(t *testing.T) {
	r := &Report{Results: []Result{
		{Rule: chunking.ID, Verdict: Error, Class: Refused}, {Rule: aliveRule, Verdict: Fail, Class: Refused}, failed(urgent, Corrupt, "", 0), failed(bulk, Timeout, "", 4<<20), failed(sizeSweep, Timeout, SizeLimit, 1401), failed(rstToServer, Silent, "", 0),
	}}
	explain(r.Results, nil)
	var got []string
	for _, result := range r.explainFirst() {
		got = append(got, result.Rule)
	}
	want := []string{aliveRule, sizeSweep.ID, bulk.ID, rstToServer.ID, urgent.ID, chunking.ID}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

func TestTheReasonComesFirstWithItsRemedyAndTheOthersOnOneLine(t *testing.T) {
	r := explained()
	path, direct := Compare(r, &Report{Results: passes(r)}), Compare(r, r)
	for name, write := range map[string]func(io.Writer, bool) error{
		"report": r.WriteText, "only the path fails": path.WriteText, "both fail": direct.WriteText,
	} {
		var text strings.Builder
		write(&text, false)
		all := text.String()
		first, other := strings.Index(all, "\nstream/size-sweep: "), strings.Index(all, "\nstream/binary-exact: ")
		if first < 0 || other < first {
			t.Errorf("%s: stream/size-sweep is not explained first:\n%s", name, &text)
		}
		if strings.Contains(all, "r-stream/chunking") || strings.Contains(all, "\nstream/chunking: ") {
			t.Errorf("%s: stream/chunking has an explanation of its own:\n%s", name, &text)
		}
		if !strings.Contains(all, "\n  also failed, probably for the same reason: stream/chunking\n") {
			t.Errorf("%s: stream/chunking is not mentioned:\n%s", name, &text)
		}
	}
}

// passes returns the results of r as if every rule had passed.
func passes(r *Report) []Result {
	var all []Result
	for _, result := range r.Results {
		all = append(all, Result{Rule: result.Rule, Verdict: Pass, Offset: -1})
	}
	return all
}

func TestAFailureIsNotFoldedBelowOneOfTheOtherSide(t *testing.T) {
	r := explained()
	direct := &Report{Results: passes(r)}
	for i := range direct.Results {
		if direct.Results[i].Rule == chunking.ID {
			direct.Results[i] = failed(chunking, Timeout, "", 4095)
		}
	}
	var text strings.Builder
	Compare(r, direct).WriteText(&text, false)
	if strings.Contains(text.String(), "also failed") || !strings.Contains(text.String(), "r-stream/chunking") {
		t.Errorf("the server's failure is folded below the path's:\n%s", &text)
	}
}

func TestJSONKeepsEverythingOfAnExplainedFailure(t *testing.T) {
	r := explained()
	var text strings.Builder
	r.WriteJSON(&text)
	for _, want := range []string{`"explained_by": "stream/size-sweep"`, `"remedy": "r-stream/chunking"`, `"size_bytes": 1401`, `"evidence": "size-limit"`} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("missing: %s", want)
		}
	}
	for name, write := range map[string]func(io.Writer) error{"junit": r.WriteJUnit, "tap": r.WriteTAP} {
		var text strings.Builder
		write(&text)
		if strings.Contains(text.String(), "r-stream/chunking") || !strings.Contains(text.String(), "explained_by: ") {
			t.Errorf("%s: want the rule that explains in place of another remedy:\n%s", name, &text)
		}
	}
}
