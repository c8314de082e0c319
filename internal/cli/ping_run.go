package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"echod/internal/dial"
	"echod/internal/ping"
	"echod/internal/report"
)

// pingRun is a ping of one or several targets. Each has a prober, in a goroutine of its own.
type pingRun struct {
	flags   *pingFlags
	quiet   bool
	out     report.Ping
	strip   *stripTerminal // out, if that is strips; else nil
	targets []*pinged
	cancel  context.CancelFunc // ends all probers at once
	oneWay  *oneWay            // nil without an agent

	mu     sync.Mutex // of out, of failed and of what is known of targets
	failed error      // the first of writing, which ends the ping
}

// pinged is a target, and what is known of it.
type pinged struct {
	report.PingTarget
	prober *ping.Prober
	tally  *ping.Tally
	lost   *dial.UnreachableError // why the last probe was lost; nil if none was
}

// run probes until it is stopped, and then writes the results.
func (f *pingFlags) run(ctx context.Context, p *Process, configs []ping.Config) error {
	ctx, err := f.family.apply(ctx, append(addressesOf(configs), f.oneWay.addresses()...)...)
	if err != nil {
		return err
	}
	until, stop := untilSignal(ctx)
	defer stop()
	sending, enough := withDeadline(until, f.deadline)
	defer enough()
	probing, cancel := context.WithCancel(ctx)
	defer cancel()
	oneWay, err := f.oneWay.start(probing, sending, &configs[0])
	if err != nil {
		return cmp.Or(interrupted(until), err)
	}
	targets := report.PingTargets(configs)
	r := &pingRun{flags: f, quiet: p.quiet && f.format != "html", out: f.writer(p, targets), cancel: cancel, oneWay: oneWay}
	if f.strip {
		r.strip = newStripTerminal(p, targets, f.timestamps)
	}
	if r.strip != nil {
		r.out = r.strip
	}
	for _, t := range targets {
		t.Stop = sending.Done()
		if err := r.add(t); err != nil {
			return err
		}
	}
	r.check(r.out.Start())
	stopInterim := onQuit(func() { r.interim(p) })
	r.probe(probing, sending)
	stopInterim()
	results := r.results()
	results[0].OneWay = oneWay.end()
	r.check(r.out.End(results))
	f.writeResults(p.Stderr, results)
	r.writeHints(p.Stderr, results)
	if unfinished := func(r report.PingResult) bool { return r.Sent < f.count }; slices.ContainsFunc(results, unfinished) {
		err = interrupted(until)
	}
	return cmp.Or(r.failed, err, pingError(results))
}

func addressesOf(configs []ping.Config) []string {
	var addresses []string
	for _, c := range configs {
		addresses = append(addresses, c.Target.Address)
	}
	return addresses
}

// add adds a target and makes its prober.
func (r *pingRun) add(of report.PingTarget) (err error) {
	i, t := len(r.targets), &pinged{PingTarget: of, tally: ping.NewTally()}
	r.targets = append(r.targets, t)
	of.OnProbe = func(probe ping.Probe) {
		r.mu.Lock()
		defer r.mu.Unlock()
		t.tally.Probe(probe)
		r.oneWay.probe(probe)
		t.rememberLoss(probe)
		if !r.quiet {
			r.check(r.out.Probe(i, probe))
		}
	}
	of.OnConn = func(e ping.ConnEvent) {
		r.mu.Lock()
		defer r.mu.Unlock()
		t.tally.Conn(e)
		if !r.quiet {
			r.check(r.out.Conn(i, e))
		}
	}
	of.OnPause = func(pause ping.Pause) {
		r.mu.Lock()
		defer r.mu.Unlock()
		t.tally.Pause(pause)
		if (pause.For >= ping.LongPause || r.strip != nil) && !r.quiet {
			r.check(r.out.Pause(i, pause))
		}
	}
	t.prober, err = ping.New(of.Config)
	return err
}

// rememberLoss keeps why the last probe was lost, for the hint. A refusal is kept: it says more than
// a silence, which may be that of a limit on ICMP messages.
func (t *pinged) rememberLoss(probe ping.Probe) {
	if probe.Fate == ping.Lost && (t.lost == nil || t.lost.Class != dial.Refused) {
		t.lost = &dial.UnreachableError{Target: t.Name, Class: probe.Class, Err: probe.Err}
	}
}

// check ends the ping after an error of writing. The caller holds r.mu, or no prober runs.
func (r *pingRun) check(err error) {
	if err != nil {
		r.failed = cmp.Or(r.failed, error(&exitError{Unknown, fmt.Errorf("write the report: %w", err)}))
		r.cancel()
	}
}

// maxStagger is the longest time between the starts of two targets.
const maxStagger = time.Millisecond

// probe runs all probers. They start one after the other, and their probes keep that distance:
// probes that are sent at the same moment would delay each other on this machine.
func (r *pingRun) probe(ctx, sending context.Context) {
	if r.strip != nil {
		defer r.strip.drawUntil(&r.mu)()
	}
	var running sync.WaitGroup
	defer running.Wait()
	stagger := time.NewTimer(0)
	defer stagger.Stop()
	for _, t := range r.targets {
		select {
		case <-stagger.C:
			stagger.Reset(min(maxStagger, t.Interval/time.Duration(len(r.targets))))
		case <-sending.Done():
		}
		running.Go(func() { t.prober.Run(ctx) })
	}
}

// interim writes the results so far.
func (r *pingRun) interim(p *Process) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var text strings.Builder
	report.WritePingInterim(&text, r.results())
	write := func() { p.writeInterim(text.String()) }
	if r.strip != nil {
		r.strip.status.aside(write)
	} else {
		write()
	}
}

// results returns the results so far. The caller holds r.mu, or no prober runs.
func (r *pingRun) results() []report.PingResult {
	var results []report.PingResult
	for _, t := range r.targets {
		s := t.tally.Summary()
		results = append(results, report.PingResult{Name: t.Name, Summary: s, InFlight: t.prober.InFlight(), Verdicts: verdicts(r.flags.thresholds, s)})
	}
	return results
}

// writer returns what writes the events of a ping in the format of the flags.
func (f *pingFlags) writer(p *Process, targets []report.PingTarget) report.Ping {
	switch f.format {
	case "json":
		return report.PingJSON(p.Stdout, targets, thisBuild().brief())
	case "csv":
		return report.PingCSV(p.Stdout, targets)
	case "html":
		return report.PingHTML(p.Stdout, targets)
	}
	return report.PingText(p.Stdout, targets, colorful(p), f.timestamps)
}

// writeResults writes the part of the end that people need and that the format on
// standard output does not show them.
func (f *pingFlags) writeResults(w io.Writer, results []report.PingResult) {
	switch f.format {
	case "json":
		for _, r := range results {
			if len(results) > 1 && len(r.Verdicts) > 0 {
				fmt.Fprintln(w, r.Name)
			}
			report.WriteVerdicts(w, r.Verdicts, false)
		}
	case "csv", "html":
		report.WritePingResults(w, results, false)
	}
}

// writeHints writes what may help the targets of which nothing came back. Each hint is
// written once.
func (r *pingRun) writeHints(w io.Writer, results []report.PingResult) {
	var hints []string
	for i, t := range r.targets {
		hint := ""
		switch s := results[i]; {
		case s.Received == 0 && t.lost != nil:
			hint = hintFor(t.lost)
		case s.LostBy[dial.Local] > 0:
			hint = hintLocal
		case s.LostBy[dial.TooLong] > 0:
			hint = hintTooLong
		}
		if !slices.Contains(hints, hint) {
			writeHint(w, hint)
			hints = append(hints, hint)
		}
	}
}
