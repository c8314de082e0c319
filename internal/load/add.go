package load

import (
	"cmp"
	"maps"
	"slices"

	"echod/internal/hist"
)

// Add adds the counts and the histograms of other to r, except for its intervals, parts and
// processor time.
func (r *Result) Add(other *Result) {
	r.Interrupted = r.Interrupted || other.Interrupted
	r.Due += other.Due
	r.Sent += other.Sent
	r.Answered += other.Answered
	r.AnsweredInTime += other.AnsweredInTime
	r.BytesInTime += other.BytesInTime
	r.Failed = r.Failed.Plus(other.Failed)
	r.Lost += other.Lost
	r.Duplicated += other.Duplicated
	r.Reordered += other.Reordered
	r.Late += other.Late
	r.Foreign += other.Foreign
	r.Connects += other.Connects
	r.ConnectsFailed = r.ConnectsFailed.Plus(other.ConnectsFailed)
	r.Disconnects = r.Disconnects.Plus(other.Disconnects)
	r.BytesIn += other.BytesIn
	r.BytesOut += other.BytesOut
	if more := other.Trains; more != nil {
		sum := Trains{}
		if r.Trains != nil {
			sum = *r.Trains
		}
		r.Trains = &Trains{sum.Sent + more.Sent, sum.SentDatagrams + more.SentDatagrams,
			sum.Received + more.Received, sum.ReceivedDatagrams + more.ReceivedDatagrams}
	}
	r.Addresses = addAddresses(r.Addresses, other.Addresses)
	r.Latency = plusHist(r.Latency, other.Latency)
	r.SchedulingDelay = plusHist(r.SchedulingDelay, other.SchedulingDelay)
	r.Connect = plusHist(r.Connect, other.Connect)
	r.Wrong = cmp.Or(r.Wrong, other.Wrong)
}

// addAddresses adds the counts of each address in more to those in sum.
func addAddresses(sum, more []Address) []Address {
	for _, a := range more {
		i := slices.IndexFunc(sum, func(s Address) bool { return s.Address == a.Address })
		if i < 0 {
			sum, i = append(sum, Address{Address: a.Address, Latency: hist.New()}), len(sum)
		}
		s := &sum[i]
		s.Answered += a.Answered
		s.Failed = s.Failed.Plus(a.Failed)
		s.Lost += a.Lost
		s.Connects += a.Connects
		s.ConnectsFailed = s.ConnectsFailed.Plus(a.ConnectsFailed)
		s.Latency.Add(a.Latency)
	}
	return sum
}

// Plus returns the sum of c and other, which do not change.
func (c Classes) Plus(other Classes) Classes {
	sum := Classes{}
	maps.Copy(sum, c)
	for class, n := range other {
		sum[class] += n
	}
	return sum
}

// plusHist adds b to a. Either may be nil.
func plusHist(a, b *hist.Hist) *hist.Hist {
	if b == nil {
		return a
	}
	a = cmp.Or(a, hist.New())
	a.Add(b)
	return a
}

// Add adds the same second of another part of the load to in. The zero Interval is empty. more is
// not changed, and shares no memory with in afterwards.
func (in *Interval) Add(more Interval) {
	in.At, in.Seconds = max(in.At, more.At), max(in.Seconds, more.Seconds)
	in.Due += more.Due
	in.Answered += more.Answered
	in.BytesIn += more.BytesIn
	in.Failed += more.Failed
	in.Lost += more.Lost
	in.Conns += more.Conns
	in.Latency = plusHist(cmp.Or(in.Latency, hist.New()), more.Latency)
	in.SchedulingDelay = plusHist(in.SchedulingDelay, more.SchedulingDelay)
}

// plusInterval adds more to sum, which may be nil.
func plusInterval(sum, more *Interval) *Interval {
	if sum == nil {
		return more
	}
	sum.Add(*more)
	return sum
}
