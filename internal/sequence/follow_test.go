package sequence

import (
	"strings"
	"testing"
	"time"

	"echod/internal/sys"
	"echod/internal/trace"
)

// A follower keeps the last steps of a life that was open before, and its sums.
func TestFollowerKeepsTheLastSteps(t *testing.T) {
	f := NewFollower(4)
	if l := f.Life(nil); l != nil {
		t.Fatalf("before the first step: got %+v, want nil", l)
	}
	f.Add(trace.Record{Conn: 1, Op: trace.Begin, Time: time.Second, Took: 4 * time.Minute, Peer: "127.0.0.1:5001", Engine: "epoll",
		Received: 1000, Sent: 900, Held: &sys.Held{State: "ESTABLISHED", Arrived: 7, Unacknowledged: 50}, Why: "the trace begins here, 4m0s after accept"})
	l := f.Life(nil)
	first := l.Steps[0]
	if first.At != 4*time.Minute || first.Arrived != 1007 || first.Received != 1000 || first.Sent != 900 || first.Acknowledged != 850 || l.Peer != "127.0.0.1:5001" {
		t.Errorf("got %+v of %+v", first, l)
	}
	if svg := l.SVG(); strings.Contains(svg, "1000<") || !strings.Contains(svg, "4m0s after accept") {
		t.Errorf("the bytes before the trace have an arrow, or the trace has no beginning:\n%s", svg)
	}
	for range 9 {
		f.Add(trace.Record{Conn: 1, Op: trace.Receive, Call: "recv", N: 10, Asked: 10, Held: &sys.Held{State: "ESTABLISHED", Unacknowledged: 50}})
		f.Add(trace.Record{Conn: 1, Op: trace.Send, Call: "send", N: 10, Asked: 10, Held: &sys.Held{State: "ESTABLISHED", Unacknowledged: 50}})
	}
	l = f.Life(&trace.Record{Conn: 1, Op: trace.Omitted, N: 12, Received: 40, Sent: 40})
	last := l.Steps[len(l.Steps)-1]
	if len(l.Steps) != 4 || l.Earlier != 16 || l.Before == nil || l.Received != 1130 || last.Op != trace.Omitted || last.Acknowledged != last.Sent-50 {
		t.Errorf("got %d steps, %d earlier, %d received, the last %+v; want 4, 16, 1130", len(l.Steps), l.Earlier, l.Received, last)
	}
	if svg := l.SVG(); !strings.Contains(svg, "16 steps are not shown") || !strings.Contains(svg, "12 steps are not kept: 40 bytes received,") {
		t.Errorf("got %s", svg)
	}
	if again := f.Life(nil); again.Received != 1090 || len(again.Steps) != 4 {
		t.Errorf("without the missing steps: got %d received, %d steps; want 1090, 4", again.Received, len(again.Steps))
	}
}
