package report

import (
	"echod/internal/draw"
	"echod/internal/hist"
)

// bar is a bucket of a histogram: the messages that took up to a round duration, and longer than
// that of the bar before.
type bar struct {
	UpTo     string
	Messages string
	Part     string // of all messages, in percent
	Count    int64
	most     int64 // messages of the longest bar
}

// maxBuckets is how many bars a histogram has at most.
const maxBuckets = 16

// bars returns the bars of a histogram; none if it has no messages.
func bars(h *hist.Hist) []bar {
	buckets, total, most := h.Buckets(maxBuckets), h.Count(), int64(0)
	for _, b := range buckets {
		most = max(most, b.Count)
	}
	var all []bar
	for _, b := range buckets {
		all = append(all, bar{draw.Duration(b.To), draw.Whole(float64(b.Count)), draw.Percentage(float64(b.Count) / float64(total)), b.Count, most})
	}
	return all
}

// Length returns the length of b in percent of the longest bar. A bar with few messages can be
// seen.
func (b bar) Length() float64 {
	if b.Count == 0 {
		return 0
	}
	return draw.Hundredths(max(100*float64(b.Count)/float64(b.most), 0.4))
}
