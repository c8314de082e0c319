package trace

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// The first and the last steps are kept as they were, and what is between is counted: no step and
// no byte is lost, and the time does not go back.
func TestKeptLifeHasTheFirstAndTheLastSteps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := Kept{Side: Client}
		n := rapid.IntRange(0, 200).Draw(t, "steps")
		var in, out int64
		var all []string
		marks := 0
		for i := range n {
			rec := Record{Time: time.Duration(i), Took: 1, Op: rapid.SampledFrom([]Op{Send, Receive, Send, Receive, Send, Receive, Send, Receive, Send, Receive, Send, Receive, Send, Receive, Send, Receive, Send, Receive, Send, Receive, Send, Receive, Send, Receive, Shutdown}).Draw(t, "op"),
				N: rapid.IntRange(1, 9).Draw(t, "n"), Asked: 9, Data: []byte("x")}
			if rec.Op == Shutdown {
				rec.N = 0
				marks++
			}
			k.Add(rec)
			all = append(all, fmt.Sprint(rec.Time, rec.Op, rec.N))
			if rec.Op == Receive {
				in += int64(rec.N)
			} else {
				out += int64(rec.N)
			}
		}
		var got []string
		var gotIn, gotOut int64
		end := time.Duration(0)
		steps := 0
		for _, rec := range k.Records() {
			if rec.Time < end {
				t.Fatalf("got a step at %d after one that ended at %d", rec.Time, end)
			}
			end = rec.Time + rec.Took
			if rec.Data != nil {
				t.Fatalf("got data %q, want none", rec.Data)
			}
			switch rec.Op {
			case Omitted:
				gotIn, gotOut, steps = gotIn+rec.Received, gotOut+rec.Sent, steps+rec.N
				continue
			case Receive:
				gotIn += int64(rec.N)
			default:
				gotOut += int64(rec.N)
			}
			steps++
			got = append(got, fmt.Sprint(rec.Time, rec.Op, rec.N))
		}
		if kept := strings.Count(strings.Join(got, " "), string(Shutdown)); marks <= KeptMiddle/2-1 && kept != marks {
			t.Fatalf("got %d of %d half-closes, want all", kept, marks)
		}
		if n > KeptFirst+KeptLast {
			first, last := got[:KeptFirst], got[len(got)-KeptLast:]
			if diff := cmp.Diff(all[:KeptFirst], first) + cmp.Diff(all[n-KeptLast:], last); diff != "" {
				t.Fatalf("the first and the last steps (-want +got):\n%s", diff)
			}
		} else if diff := cmp.Diff(all, got); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
		if steps != n || gotIn != in || gotOut != out || len(k.Records()) > KeptFirst+KeptMiddle+KeptLast {
			t.Fatalf("got %d steps with %d bytes in and %d out, want %d, %d and %d", steps, gotIn, gotOut, n, in, out)
		}
	})
}

// The reasons go on counting over the steps that are not kept.
func TestReasonsOfAKeptLifeCountWhatIsOmitted(t *testing.T) {
	k := Kept{Side: Client}
	for range 100 {
		k.Add(Record{Op: Send, N: 10, Asked: 10})
	}
	all := k.Records()
	if got, want := all[len(all)-1].Why, "1000 bytes are to come back"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	line := Line(&all[KeptFirst], "", 0)
	if !strings.Contains(line, "40 steps are not kept: 0 bytes received, 400 bytes sent") {
		t.Errorf("got %q", line)
	}
}

// A FIN among many bytes is kept, and so is the step after a silence: they say why a connection failed.
func TestTurningPointsOfALongLifeAreKept(t *testing.T) {
	k := Kept{Side: Client}
	now := time.Duration(0)
	many := func() {
		for range 100 {
			now++
			k.Add(Record{Time: now, Op: Send, N: 10, Asked: 10})
		}
	}
	many()
	k.Add(Record{Time: now, Op: Shutdown})
	many()
	k.Add(Record{Time: now, Took: time.Second, Op: Receive, N: 5, Asked: 10})
	now += time.Second
	many()
	var got []string
	for _, rec := range k.Records()[KeptFirst:] {
		if len(got) < 6 {
			got = append(got, fmt.Sprint(rec.Op, " ", rec.N))
		}
	}
	want := []string{"omitted 80", "shutdown 0", "omitted 100", "receive 5", "omitted 60", "send 10"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A step of a long life costs no memory.
func TestKeptStepAllocatesNothing(t *testing.T) {
	k := Kept{Side: Client}
	rec := Record{Op: Send, N: 10, Asked: 10, Data: make([]byte, 10)}
	for range KeptFirst + KeptLast {
		k.Add(rec)
	}
	if n := testing.AllocsPerRun(100, func() { k.Add(rec) }); n != 0 {
		t.Errorf("got %v allocations, want none", n)
	}
}
