package cli

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"echod/internal/ping"
	"echod/internal/report"
)

// pingTeller tells what a Prober tells, in one format. The lines of a probe are
// out when probe returns.
type pingTeller interface {
	begin()
	probe(ping.Probe)
	link(ping.Link)
	end(ping.Summary, []judgement)
}

// teller is the one for the format that was asked for.
func (f *pingFlags) teller(p *Process, c ping.Config, out io.Writer) pingTeller {
	switch f.format {
	case "json":
		return newPingJSON(out, p.Stderr, c)
	case "csv":
		return newPingCSV(out, p.Stderr)
	}
	return &pingText{out: out, config: c, color: colorful(p), timestamps: f.timestamps}
}

// pingOutput ends the probing when nobody can be told of it any more.
type pingOutput struct {
	w      io.Writer
	failed context.CancelFunc
	err    error // the first
}

func (o *pingOutput) Write(b []byte) (int, error) {
	if o.err != nil {
		return 0, o.err
	}
	n, err := o.w.Write(b)
	if err != nil {
		o.err = err
		o.failed()
	}
	return n, err
}

func (o *pingOutput) complaint() error {
	if o.err == nil {
		return nil
	}
	return &exitError{Unknown, fmt.Errorf("write the report: %w", o.err)}
}

// answeredPing turns what probes came to into an exit code; the summary has said
// the rest. If nothing came back, only a bound on loss was measured.
func answeredPing(s ping.Summary, judgements []judgement) error {
	broken := func(j judgement) bool { return j.broken() && (s.Received > 0 || j.measured) }
	switch {
	case s.Corrupt > 0, slices.ContainsFunc(judgements, broken):
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
