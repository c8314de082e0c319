package load

import (
	"testing"
	"time"
)

// An answer after the end is an answer, and no throughput: a service that is behind would look
// faster the longer it is waited for.
func TestAnswerAfterTheEndIsNoThroughput(t *testing.T) {
	for _, rate := range []float64{0, 1} {
		tl := tallyFor(t, "tcp", rate, 0)
		tl.answered(from, to-1, 64)
		tl.answered(from, to, 64)
		tl.answered(to-1, to+int64(time.Second), 64)
		if r := tl.total(); r.Answered != 3 || r.AnsweredInTime != 1 || r.BytesIn != 192 || r.BytesInTime != 64 {
			t.Errorf("rate %g: got %d of %d answered in time, %d of %d bytes; want 1 of 3", rate, r.AnsweredInTime, r.Answered, r.BytesInTime, r.BytesIn)
		}
	}
	tl := tallyFor(t, "tcp", 0, 0)
	stopTally(tl, from+10, new(schedule)) // it is interrupted
	if tl.answered(from, from+20, 64); tl.total().AnsweredInTime != 0 {
		t.Error("an answer after an interrupt is in time")
	}
}
