package cli

import (
	"io"
	"math"
	"slices"
	"time"

	"echod/internal/ping"
	"echod/internal/report"
)

// writer returns what writes the events of a ping in the format of the flags.
func (f *pingFlags) writer(p *Process, c ping.Config) report.Ping {
	switch f.format {
	case "json":
		return report.PingJSON(p.Stdout, c, thisBuild().brief())
	case "csv":
		return report.PingCSV(p.Stdout)
	}
	return report.PingText(p.Stdout, c, colorful(p), f.timestamps)
}

// writeSummary writes the part of the end that people need and that the format on
// standard output does not show them.
func (f *pingFlags) writeSummary(w io.Writer, s ping.Summary, verdicts []report.Verdict) {
	switch f.format {
	case "json":
		report.WriteVerdicts(w, verdicts, false)
	case "csv":
		report.WritePingSummary(w, s, verdicts, false)
	}
}

// answeredPing turns what probes came to into an exit code; the summary has said
// the rest. If nothing came back, only a bound on loss was measured.
func answeredPing(s ping.Summary, verdicts []report.Verdict) error {
	failed := func(v report.Verdict) bool { return !v.Met && (s.Received > 0 || v.Measured) }
	switch {
	case s.Corrupt > 0, slices.ContainsFunc(verdicts, failed):
		return &exitError{code: Failed}
	case s.Received == 0:
		return &exitError{code: Unknown}
	}
	return nil
}

// pingMeasures are the figures of a ping that can have a threshold.
var pingMeasures = []measure[ping.Summary]{
	roundTrip("p99.9", func(s ping.Summary) time.Duration { return s.RTT.P999 }),
	roundTrip("p99", func(s ping.Summary) time.Duration { return s.RTT.P99 }),
	roundTrip("p90", func(s ping.Summary) time.Duration { return s.RTT.P90 }),
	roundTrip("p50", func(s ping.Summary) time.Duration { return s.RTT.P50 }),
	roundTrip("max", func(s ping.Summary) time.Duration { return s.RTT.Max }),
	roundTrip("avg", func(s ping.Summary) time.Duration { return s.RTT.Mean }),
	{"jitter", "<", "1ms", parseSeconds, jitterIn, secondsText},
	{"loss", "<", "1%", parsePercent, lossOfPing, report.Percent},
	{"reconnects", "<", "1", parseWhole, func(s ping.Summary) float64 { return float64(s.Reconnects) }, wholeText},
}

func roundTrip(name string, of func(ping.Summary) time.Duration) measure[ping.Summary] {
	take := func(s ping.Summary) float64 {
		if s.Received == 0 {
			return math.NaN()
		}
		return of(s).Seconds()
	}
	return measure[ping.Summary]{name, "<", "2ms", parseSeconds, take, secondsText}
}

func jitterIn(s ping.Summary) float64 {
	if s.Received < 2 {
		return math.NaN()
	}
	return s.Jitter.Seconds()
}

func lossOfPing(s ping.Summary) float64 {
	if s.Sent == 0 {
		return math.NaN()
	}
	return s.Loss()
}
