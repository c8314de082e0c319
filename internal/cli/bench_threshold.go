package cli

import (
	"math"
	"time"

	"echod/internal/hist"
	"echod/internal/load"
	"echod/internal/report"
)

// benchMeasures are the figures of a load that can have a threshold.
var benchMeasures = []measure[*load.Result]{
	latencyOf("p99.99", quantile(0.9999)), latencyOf("p99.9", quantile(0.999)), latencyOf("p99", quantile(0.99)),
	latencyOf("p90", quantile(0.9)), latencyOf("p50", quantile(0.5)),
	latencyOf("max", (*hist.Hist).Max), latencyOf("mean", (*hist.Hist).Mean),
	{"rate", ">", "1000", parseRate, answersPerSecond, report.Rate},
	{"errors", "<", "1", parseWhole, errorsIn, wholeText},
	{"loss", "<", "1%", parsePercent, lossIn, report.Percent},
}

func latencyOf(name string, of func(*hist.Hist) time.Duration) measure[*load.Result] {
	take := func(r *load.Result) float64 {
		if r.Latency.Count() == 0 {
			return math.NaN()
		}
		return of(r.Latency).Seconds()
	}
	return measure[*load.Result]{name, "<", "2ms", parseSeconds, take, secondsText}
}

func quantile(part float64) func(*hist.Hist) time.Duration {
	return func(h *hist.Hist) time.Duration { return h.Quantile(part) }
}

func answersPerSecond(r *load.Result) float64 { return float64(r.Messages) / r.Seconds }

func errorsIn(r *load.Result) float64 {
	var sum int64
	for _, n := range r.Errors {
		sum += n
	}
	return float64(sum)
}

func lossIn(r *load.Result) float64 {
	if r.Datagrams == nil {
		return math.NaN()
	}
	return float64(r.Datagrams.Lost) / float64(r.Datagrams.Sent)
}
