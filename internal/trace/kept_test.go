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
		for i := range n {
			rec := Record{Time: time.Duration(i), Took: 1, Op: rapid.SampledFrom([]Op{Send, Receive, Shutdown}).Draw(t, "op"),
				N: rapid.IntRange(0, 9).Draw(t, "n"), Asked: 9, Data: []byte("x")}
			if rec.Op == Shutdown {
				rec.N = 0
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
		want := all
		if n > KeptFirst+KeptLast {
			want = append(append([]string(nil), all[:KeptFirst]...), all[n-KeptLast:]...)
		}
		if diff := cmp.Diff(want, got); diff != "" || steps != n || gotIn != in || gotOut != out || len(got) > KeptFirst+KeptLast {
			t.Fatalf("got %d steps with %d bytes in and %d out, want %d, %d and %d; kept (-want +got):\n%s", steps, gotIn, gotOut, n, in, out, diff)
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
