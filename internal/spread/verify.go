package spread

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"echod/internal/dial"
	"echod/internal/draw"
	"echod/internal/hist"
	"echod/internal/load"
	"echod/internal/report"
)

// claim is what a worker says that it has measured, with what its coordinator knows.
type claim struct {
	*done
	seconds  []load.Interval
	from     *member
	plan     load.Plan // its share
	agreed   time.Time // when it was to begin
	received time.Time
	late     time.Duration // how much later it may have begun
	stopped  bool          // it was told to stop early
}

// measured is the result of one worker, after its claim was verified. Only verify makes one.
type measured struct {
	*load.Result
	worker string
	begun  load.Begun
}

// maxCount is more than any count of one worker, also of bytes. The sum of those of all fits in an
// int64.
const maxCount = int64(1) << 54

// grain is what times may differ by that are rounded, or read one after the other.
const grain = 10 * time.Millisecond

// verify checks a claim: against the plan, against the time that has passed, and against itself. A
// worker that measures something else than it says is not found out, but one whose figures cannot
// be true is.
func (c claim) verify() (measured, error) {
	r := c.Result
	if r == nil || len(r.Intervals) > 0 {
		return measured{}, errors.New("sent a result that cannot be true: it is empty, or has its seconds in it")
	}
	r.Intervals = c.seconds
	for _, check := range []func() error{
		func() error { return report.Valid(r) }, c.checkSize, c.checkOrigin, c.checkTimes, c.checkCounts, c.checkHistograms, c.checkSeconds,
	} {
		if err := check(); err != nil {
			return measured{}, fmt.Errorf("sent a result that cannot be true: %w", err)
		}
	}
	begun := load.Begun{Skew: c.from.offset.local(c.Began).Sub(c.agreed), Uncertainty: c.from.offset.uncertainty, ClockAhead: c.from.ahead}
	if begun.Skew > c.late {
		return measured{}, fmt.Errorf("was late: it began %s after the others were to begin", draw.Duration(begun.Skew))
	}
	whole := *r
	whole.Started = c.from.offset.local(c.Measured).Round(0) // by the coordinator's clock
	return measured{&whole, c.from.url, begun}, nil
}

// checkSize checks that no count is so large that sums of it overflow.
func (c claim) checkSize() error {
	r := c.Result
	counts := []int64{r.Due, r.Duplicated, r.Reordered, r.Late, r.Foreign, r.Connects, r.BytesIn, r.BytesOut, r.Latency.Count()}
	if t := r.Trains; t != nil {
		counts = append(counts, t.Sent, t.SentDatagrams, t.Received, t.ReceivedDatagrams)
	}
	all := []load.Classes{r.Failed, r.ConnectsFailed, r.Disconnects}
	for _, a := range r.Addresses {
		counts = append(counts, a.Answered, a.Lost, a.Connects, a.Latency.Count())
		all = append(all, a.Failed, a.ConnectsFailed)
	}
	for _, in := range r.Intervals {
		counts = append(counts, in.Due, in.Answered, in.Failed, in.Lost, in.BytesIn)
	}
	for _, classes := range all {
		for _, n := range classes {
			counts = append(counts, n)
		}
	}
	if most := slices.Max(counts); most > maxCount {
		return fmt.Errorf("it has a count of %d", most)
	}
	if r.CPU.Server != nil || r.CPU.ServerRSS != nil {
		return errors.New("it measured a process that nobody asked for")
	}
	return nil
}

// checkOrigin checks that the result is one of the plan, and that its texts can be shown.
func (c claim) checkOrigin() error {
	r := c.Result
	want, errWant := json.Marshal(c.plan)
	got, errGot := json.Marshal(r.Plan)
	switch {
	case r.Format != load.Format || r.Echod != c.from.greeting.Echod:
		return errors.New("its version is not that of the worker")
	case errWant != nil || errGot != nil || !bytes.Equal(want, got):
		return errors.New("it is of another plan, or of another seed")
	case len(r.Parts) > 0:
		return errors.New("it is merged from several")
	case !c.plan.AllAddresses && len(r.Addresses) > 0, len(r.Addresses) > c.plan.Conns:
		return fmt.Errorf("it has %d addresses", len(r.Addresses))
	}
	e := r.Environment
	texts := []string{e.Host, e.OS, e.Arch, e.Kernel, e.CPU, e.Go}
	for _, a := range r.Addresses {
		texts = append(texts, a.Address)
	}
	if r.Wrong != nil {
		texts = append(texts, r.Wrong.Got, r.Wrong.Want)
	}
	for _, classes := range []load.Classes{r.Failed, r.ConnectsFailed, r.Disconnects} {
		for class := range classes {
			texts = append(texts, string(class))
		}
	}
	for _, text := range texts {
		if len(text) > maxText {
			return fmt.Errorf("it has a text of %s", draw.Bytes.Write(float64(len(text))))
		}
	}
	if e.CPUs < 0 || e.CPUs > 1<<16 || len(texts) > 1<<16 {
		return fmt.Errorf("it has %d CPUs and %d texts", e.CPUs, len(texts))
	}
	return nil
}

// checkTimes checks that the measurement was as long as the plan says, and when.
func (c claim) checkTimes() error {
	r, o := c.Result, c.from.offset
	took, planned := time.Duration(r.Seconds*float64(time.Second)), c.plan.Duration
	end := o.local(c.Measured).Add(took)
	switch {
	case r.Interrupted && !c.stopped:
		return errors.New("it was interrupted, and nobody has told the worker to stop")
	case c.Began < 0 || c.Measured < 0, o.local(c.Began).Before(c.agreed.Add(-o.uncertainty - grain)):
		return errors.New("it began before the start")
	case time.Duration(c.Measured-c.Began) < c.plan.Warmup-grain:
		return errors.New("its measurement began within the warm-up")
	case end.After(c.received.Add(o.uncertainty + grain)):
		return fmt.Errorf("it ends in %s", draw.Duration(end.Sub(c.received)))
	case planned > 0 && took > planned+grain, planned > 0 && c.whole() && took < planned-grain:
		return fmt.Errorf("it took %s: want %s", draw.Duration(took), draw.Brief(planned))
	}
	return nil
}

// whole reports whether the load was not ended early.
func (c claim) whole() bool { return !c.Result.Interrupted && c.Result.Wrong == nil }

// checkCounts checks how many messages there are, and their bytes.
func (c claim) checkCounts() error {
	r, took := c.Result, time.Duration(c.Result.Seconds*float64(time.Second))
	most, least := int64(load.MaxRate*r.Seconds)+int64(c.plan.Conns)*int64(c.plan.Depth), int64(0)
	if !c.plan.Rate.IsZero() {
		most = c.plan.Scheduled(took) + 1 // the time of the last one is rounded
		least = most - 2
	}
	if n := c.plan.Messages; n > 0 {
		most, least = n, n
	}
	if !c.whole() {
		least = 0
	}
	shortest, longest := int64(c.plan.Sizes.Min()), int64(c.plan.Sizes.Max())
	switch {
	case r.Due > most || r.Due < least:
		return fmt.Errorf("%d messages were due in %s: want %d to %d", r.Due, draw.Duration(took), max(least, 0), most)
	case (r.Trains != nil) != c.plan.GSO, r.Trains != nil && (r.Trains.SentDatagrams > r.Sent || r.Trains.Sent > r.Trains.SentDatagrams/2):
		return errors.New("it has trains that were not asked for, or more than were sent, or none")
	case r.Sent > r.Due:
		return fmt.Errorf("%d of %d messages were sent", r.Sent, r.Due)
	case outside(r.BytesIn, r.Answered, shortest, longest), outside(r.BytesInTime, r.AnsweredInTime, shortest, longest), outside(r.BytesOut, r.Sent, shortest, longest):
		return fmt.Errorf("%d answers have %d bytes, and %d messages %d", r.Answered, r.BytesIn, r.Sent, r.BytesOut)
	case c.plan.Rate.IsZero() && (r.Behind != nil || r.SchedulingDelay != nil):
		return errors.New("a closed loop has no schedule")
	case r.Behind != nil && (r.Behind.Target < 0 || r.Behind.Achieved < 0 || r.Behind.SchedulingDelay < 0):
		return errors.New("behind is negative")
	}
	return nil
}

// outside reports whether the bytes of n messages of these lengths cannot be that many.
func outside(bytes, n, shortest, longest int64) bool {
	return float64(bytes) < float64(n)*float64(shortest) || float64(bytes) > float64(n)*float64(longest)
}

// checkHistograms checks that each answer is in the histogram of latency: see [load.Result.Latency].
func (c claim) checkHistograms() error {
	r := c.Result
	recorded := r.Answered + r.Failed[dial.Timeout] + r.Lost
	longest := c.received.Sub(c.from.offset.local(c.Measured)) + c.from.offset.uncertainty + time.Second
	switch {
	case r.Latency.Count() != recorded:
		return fmt.Errorf("latency has %d messages: want %d, those that were answered, timed out or were lost", r.Latency.Count(), recorded)
	case recorded > 0 && r.Latency.Max() > longest+longest/100:
		return fmt.Errorf("a latency of %s, %s after the measurement began", draw.Duration(r.Latency.Max()), draw.Duration(longest))
	case !c.plan.Rate.IsZero() && (r.SchedulingDelay == nil || r.SchedulingDelay.Count() > r.Due):
		return errors.New("scheduling_delay has more messages than were due, or is missing")
	case r.Connect != nil && r.Connect.Count() != r.Connects:
		return fmt.Errorf("connect has %d connections: want %d", r.Connect.Count(), r.Connects)
	}
	if !c.plan.AllAddresses {
		return nil
	}
	var answered, failed, lost int64
	for _, a := range r.Addresses {
		answered, failed, lost = answered+a.Answered, failed+a.Failed.Total(), lost+a.Lost
	}
	if answered != r.Answered || lost != r.Lost || failed > r.Failed.Total() {
		return errors.New("its addresses have other counts than all together")
	}
	return nil
}

// checkSeconds checks that the seconds add up to the whole. Messages that the generator has not even
// taken from the schedule have failed, and are in no second.
func (c claim) checkSeconds() error {
	r, sum, latency := c.Result, load.Interval{}, hist.New()
	if float64(len(r.Intervals)) > r.Seconds+3 {
		return fmt.Errorf("it has %d seconds in %s", len(r.Intervals), draw.Seconds.Write(r.Seconds))
	}
	for _, in := range r.Intervals {
		sum.Add(in)
		latency.Add(in.Latency)
		if in.Conns > c.plan.Conns {
			return fmt.Errorf("it has %d connections: want at most %d", in.Conns, c.plan.Conns)
		}
	}
	untaken := r.Due - sum.Due
	switch {
	case untaken < 0 || untaken > r.Failed[dial.Local], sum.Answered != r.Answered, sum.Lost != r.Lost,
		sum.Failed+untaken != r.Failed.Total(), sum.BytesIn != r.BytesIn:
		return errors.New("its seconds do not add up to the whole")
	case !latency.Equal(r.Latency):
		return errors.New("the latency of its seconds does not add up to the whole")
	}
	return nil
}
