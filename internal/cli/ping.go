package cli

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"echod/internal/dial"
	"echod/internal/draw"
	"echod/internal/ping"
	"echod/internal/report"
	"echod/internal/usage"
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
	strip      bool
	mtu        bool // search the MTU of the path
	oneWay     oneWayFlags
}

var pingFormats = []string{"text", "json", "csv", "html"}

func newPingFlags() *pingFlags {
	return &pingFlags{format: "text", size: 64, config: ping.Config{Interval: time.Second, Timeout: 2 * time.Second, Resolve: 10 * time.Second}}
}

func newPing(p *Process) *cobra.Command {
	f := newPingFlags()
	cmd := &cobra.Command{
		Use:               "ping URL...",
		Short:             "measure the round trip to echoes, again and again",
		ValidArgsFunction: completeURL,
		Args:              someTargets,
		RunE: func(cmd *cobra.Command, args []string) error {
			configs, err := f.configsFor(args)
			if err != nil {
				return err
			}
			if f.strip && f.format != "text" {
				return usage.New("--strip is for --format text", "omit one of them")
			}
			if f.mtu {
				if err := f.checkMTU(cmd.Flags(), len(configs)); err != nil {
					return err
				}
				return f.searchMTU(cmd.Context(), p, configs[0])
			}
			return f.run(cmd.Context(), p, configs)
		},
	}
	f.register(cmd, p)
	return cmd
}

// The limits of several targets. With --reconnect, each target may have many connections.
const (
	maxPingTargets = 64
	maxPingConns   = 1024
)

// someTargets returns an error unless there are from 1 to maxPingTargets targets.
func someTargets(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return usage.New("ping needs a URL", "e.g. echod ping tcp://localhost:8080")
	case len(args) > maxPingTargets:
		return usage.New(fmt.Sprintf("%d targets", len(args)), fmt.Sprintf("want at most %d; echod watch monitors more", maxPingTargets))
	}
	return nil
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
	flags.BoolVar(&f.strip, "strip", false, "on a terminal, show a strip of the last probes of each target")
	flags.BoolVarP(&p.quiet, "quiet", "q", false, "print only the summary")
	f.oneWay.register(flags)
	f.tls.register(flags)
}

// configsFor returns the probes that the flags describe, for each target.
func (f *pingFlags) configsFor(urls []string) ([]ping.Config, error) {
	var networks []string
	var targets []ping.Target
	for _, url := range urls {
		target, err := dial.Parse(url)
		if err != nil {
			return nil, err
		}
		targets, networks = append(targets, target), append(networks, target.Network)
	}
	if err := f.oneWay.check(len(urls)); err != nil {
		return nil, err
	}
	config, err := f.tls.config(append(networks, network(f.oneWay.agent))...)
	if err != nil {
		return nil, err
	}
	socket, source, err := f.socket.options(f.config.Target.Source, networks...)
	if err != nil {
		return nil, err
	}
	var configs []ping.Config
	for _, target := range targets {
		if target.Network == "tls" || network(f.oneWay.agent) == "tls" {
			target.TLS = config
		}
		target.Socket, target.Source = socket, source
		c := f.config
		c.Target, c.Count, c.Size = target, int(f.count), int(f.size)
		if err := c.Check(); err != nil {
			return nil, err
		}
		configs = append(configs, c)
	}
	if n := len(configs) * configs[0].MaxConns(); f.config.Reconnect && n > maxPingConns {
		return nil, usage.New(fmt.Sprintf("%d targets with --reconnect: up to %d connections at the same time", len(configs), n),
			fmt.Sprintf("want at most %d: use fewer targets, a longer --interval or a shorter --timeout", maxPingConns))
	}
	return configs, nil
}

// pingError turns results into an exit code; the report has said the rest. Failed is worse
// than Unknown: it is certain.
func pingError(results []report.PingResult) error {
	worst := OK
	for _, r := range results {
		switch code := pingCode(r); {
		case code == Failed:
			return &exitError{code: Failed}
		case code == Unknown:
			worst = Unknown
		}
	}
	if worst == OK {
		return nil
	}
	return &exitError{code: worst}
}

// pingCode returns the exit code of one target. If nothing came back, only a threshold of
// loss was measured.
func pingCode(r report.PingResult) Code {
	failed := func(v report.Verdict) bool { return !v.Met && (r.Received > 0 || v.Measured()) }
	switch {
	case r.Corrupt > 0, slices.ContainsFunc(r.Verdicts, failed):
		return Failed
	case r.Received == 0:
		return Unknown
	}
	return OK
}

// pingMeasures are the figures of a ping that can have a threshold.
var pingMeasures = []measure[ping.Summary]{
	roundTrip("p99.9", percentileOrMax(99.9, func(s ping.Summary) time.Duration { return s.RTT.P999 })),
	roundTrip("p99", percentileOrMax(99, func(s ping.Summary) time.Duration { return s.RTT.P99 })),
	roundTrip("p90", percentileOrMax(90, func(s ping.Summary) time.Duration { return s.RTT.P90 })),
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

// percentileOrMax returns a percentile, or the maximum if there are too few replies for it.
func percentileOrMax(percentile float64, of func(ping.Summary) time.Duration) func(ping.Summary) time.Duration {
	return func(s ping.Summary) time.Duration {
		if !report.Known(percentile, s.Received) {
			return s.RTT.Max
		}
		return of(s)
	}
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
