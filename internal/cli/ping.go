package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"echod/internal/dial"
	"echod/internal/draw"
	"echod/internal/ping"
	"echod/internal/report"
)

// pingFlags are the flags of ping, with their defaults.
type pingFlags struct {
	config     ping.Config
	count      int64
	deadline   time.Duration // 0: none
	size       int64
	thresholds []threshold[ping.Summary]
	family     familyFlags
	socket     socketFlags
	tls        tlsFlags
	format     string
	timestamps bool
	mtu        bool // search the MTU of the path
}

var pingFormats = []string{"text", "json", "csv"}

func newPingFlags() *pingFlags {
	return &pingFlags{format: "text", size: 64, config: ping.Config{Interval: time.Second, Timeout: 2 * time.Second, Resolve: 10 * time.Second}}
}

func newPing(p *Process) *cobra.Command {
	f := newPingFlags()
	cmd := &cobra.Command{
		Use:               "ping URL",
		Short:             "measure the round trip to an echo, again and again",
		ValidArgsFunction: completeURL,
		Args:              oneURL,
		RunE: func(cmd *cobra.Command, args []string) error {
			config, err := f.configFor(args[0])
			if err != nil {
				return err
			}
			if f.mtu {
				if err := f.checkMTU(cmd.Flags()); err != nil {
					return err
				}
				return f.searchMTU(cmd.Context(), p, config)
			}
			return f.run(cmd.Context(), p, config)
		},
	}
	f.register(cmd, p)
	return cmd
}

func (f *pingFlags) register(cmd *cobra.Command, p *Process) {
	flags, c := cmd.Flags(), &f.config
	flags.SortFlags = false
	flags.VarP(number(&f.count, 1, maxNumber), "count", "c", "stop after this many probes")
	flags.VarP(seconds(&c.Interval, ping.MinInterval), "interval", "i", "time from one probe to the next")
	flags.VarP(seconds(&c.Timeout, time.Millisecond), "timeout", "W", "how long to wait for a reply, or a connection")
	flags.VarP(size(&f.size, ping.MinSize, ping.MaxSize), "size", "s", "bytes of a probe")
	flags.VarP(deadline(&f.deadline), "deadline", "w", "stop after this time")
	f.family.register(flags)
	flags.Var(duration(&c.Resolve, ping.MinResolve), "resolve", "time from one look-up of a name to the next")
	flags.BoolVar(&c.Reconnect, "reconnect", false, "open a connection for each probe, and show the time of each step")
	flags.BoolVar(&f.mtu, "mtu", false, "search the largest datagram that the path takes in one packet")
	flags.Var(address(&c.Target.Source), "source", "connect from this address")
	f.socket.register(flags)
	flags.Var(thresholds(&f.thresholds, pingMeasures), "threshold", "a limit for a figure, e.g. p99<2ms; repeatable")
	flags.Var(choice(&f.format, pingFormats), "format", "how to write the result: "+orList(pingFormats))
	flags.BoolVar(&f.timestamps, "timestamps", false, "start each line of text with the time")
	flags.BoolVarP(&p.quiet, "quiet", "q", false, "print only the summary")
	f.tls.register(flags)
}

// configFor returns the probes that the flags describe.
func (f *pingFlags) configFor(url string) (ping.Config, error) {
	target, err := dial.Parse(url)
	if err != nil {
		return ping.Config{}, err
	}
	if target.TLS, err = f.tls.config(target.Network); err != nil {
		return ping.Config{}, err
	}
	c := f.config
	if target.Socket, target.Source, err = f.socket.options(c.Target.Source, target.Network); err != nil {
		return ping.Config{}, err
	}
	c.Target, c.Count, c.Size = target, int(f.count), int(f.size)
	return c, c.Check()
}

// run probes until it is stopped, and then writes the summary.
func (f *pingFlags) run(ctx context.Context, p *Process, config ping.Config) error {
	ctx, err := f.family.apply(ctx, config.Target.Address)
	if err != nil {
		return err
	}
	until, stop := untilSignal(ctx)
	defer stop()
	sending, enough := withDeadline(until, f.deadline)
	defer enough()
	probing, cancel := context.WithCancel(ctx)
	defer cancel()
	out, tally := f.writer(p, config), ping.NewTally()
	var failed error // the first of writing, which ends the ping
	check := func(err error) {
		if err != nil {
			failed = cmp.Or(failed, error(&exitError{Unknown, fmt.Errorf("write the report: %w", err)}))
			cancel()
		}
	}
	config.Stop = sending.Done()
	var lost *dial.UnreachableError // why the last probe was lost
	config.OnProbe = func(probe ping.Probe) {
		tally.Probe(probe)
		if probe.Fate == ping.Lost {
			lost = &dial.UnreachableError{Target: config.Target.String(), Class: probe.Class, Err: probe.Err}
		}
		if !p.quiet {
			check(out.Probe(probe))
		}
	}
	config.OnConn = func(e ping.ConnEvent) {
		tally.Conn(e)
		if !p.quiet {
			check(out.Conn(e))
		}
	}
	config.OnPause = func(pause ping.Pause) {
		tally.Pause(pause)
		if pause.For >= ping.LongPause && !p.quiet {
			check(out.Pause(pause))
		}
	}
	prober, err := ping.New(config)
	if err != nil {
		return err
	}
	check(out.Start())
	prober.Run(probing)
	summary := tally.Summary()
	verdicts := verdicts(f.thresholds, summary)
	check(out.End(summary, verdicts))
	f.writeSummary(p.Stderr, summary, verdicts)
	if summary.Received == 0 && lost != nil {
		writeHint(p.Stderr, hintFor(lost))
	} else if summary.LostBy[dial.Local] > 0 {
		writeHint(p.Stderr, hintLocal)
	} else if summary.LostBy[dial.TooLong] > 0 {
		writeHint(p.Stderr, hintTooLong)
	}
	if config.Count > 0 && summary.Sent < int64(config.Count) {
		err = interrupted(until)
	}
	return cmp.Or(failed, err, pingError(summary, verdicts))
}

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

// pingError turns a summary into an exit code; the summary has said the rest. If
// nothing came back, only a threshold of loss was measured.
func pingError(s ping.Summary, verdicts []report.Verdict) error {
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
	{"jitter", "<", "1ms", parseSeconds, jitterIn, draw.Seconds.Write},
	{"loss", "<", "1%", parsePercent, lossOfPing, draw.Percentage},
	{"reconnects", "<", "1", parseWhole, func(s ping.Summary) float64 { return float64(s.Reconnects) }, wholeText},
}

func roundTrip(name string, of func(ping.Summary) time.Duration) measure[ping.Summary] {
	figure := func(s ping.Summary) float64 {
		if s.Received == 0 {
			return math.NaN()
		}
		return of(s).Seconds()
	}
	return measure[ping.Summary]{name, "<", "2ms", parseSeconds, figure, draw.Seconds.Write}
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
