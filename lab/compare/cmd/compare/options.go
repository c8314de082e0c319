package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"echod/lab/compare/internal/comparison"
)

// options are the flags.
type options struct {
	engines   []string
	goServers bool
	only      []string // keys of cases; empty means all
	runner    comparison.Runner
	quick     bool
	uring     bool
	latency   bool
	strict    bool
	growth    bool
	echod     string
	a, b      string // two builds, each a program or a revision; both or none
	out       string
	into      string
	render    string
}

const usage = `Compare measures echod against servers in C and other Go servers, on this machine.

  go run ./cmd/compare -out results    everything, into results/
  go run ./cmd/compare -only 50x64x1   one workload
  go run ./cmd/compare -only 50x64x1 -a bin/echod -b main
                                       two builds of echod, each a program or a git
                                       revision, in two minutes: is A faster than B?
  go run ./cmd/compare -quick          two short slices of everything, to test that it
                                       works: the results mean nothing
  go run ./cmd/compare -only churn,udp-16x64x32 -go-servers=false
                                       some workloads, only C and echod
  go run ./cmd/compare -engines epoll,poll,select
                                       other engines: net, select, poll, epoll
  go run ./cmd/compare -uring -engines epoll -go-servers=false
                                       io_uring against epoll, in C
  go run ./cmd/compare -growth -out results
                                       how cost grows with the number of connections, for
                                       C and all engines: seven minutes
  go run ./cmd/compare -only 50x64x1 -into results/DATE.json
                                       some workloads of a report once more
  go run ./cmd/compare -render results/DATE.json
                                       write the tables and the chart of a report again

`

// buildsPrecision is half of the difference that a comparison of two builds should see.
const buildsPrecision = 0.01

// buildsLimit is the time of the rounds when two builds are compared. Building them and
// starting the servers takes less than the rest of two minutes.
const buildsLimit = 80 * time.Second

func parse(args []string) (options, error) {
	opts := options{runner: comparison.NewRunner()}
	flags := flag.NewFlagSet("compare", flag.ContinueOnError)
	flags.SetOutput(os.Stderr)
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), usage)
		flags.PrintDefaults()
	}
	engines := flags.String("engines", "epoll,net", "the engines to measure, separated by commas; '' for none. With -a and -b the first one")
	only := flags.String("only", "", "the workloads to measure, separated by commas: "+strings.Join(keys(), ", "))
	seconds := flags.Float64("seconds", opts.runner.Measure.Seconds(), "the duration of a slice: each server has one in a round")
	flags.IntVar(&opts.runner.MaxPairs, "rounds", opts.runner.MaxPairs, "the most rounds of each workload")
	flags.IntVar(&opts.runner.LatencyPairs, "latency-pairs", opts.runner.LatencyPairs, "the most rounds of the latency of each workload")
	flags.Uint64Var(&opts.runner.Seed, "seed", 1, "chooses the order of the servers in each round, and the resamples of the intervals")
	flags.Float64Var(&opts.runner.Precision, "precision", opts.runner.Precision, "a server leaves the rounds when the ends of its intervals are at most this share away from the median; with -a and -b 0.01. Half of it takes four times as long")
	flags.Float64Var(&opts.runner.Tolerance, "tolerance", opts.runner.Tolerance, "the share of a slice that other processes may run on the two CPUs before it is thrown away; 0: no slice is thrown away")
	flags.BoolVar(&opts.goServers, "go-servers", true, "also measure the other Go servers")
	flags.BoolVar(&opts.quick, "quick", false, "two rounds with slices of 0.05 s, none of which is thrown away: a test that everything works")
	flags.BoolVar(&opts.uring, "uring", false, "also measure the C server with io_uring, on TCP")
	flags.BoolVar(&opts.latency, "latency", true, "also measure latency, where the workload is small; not with -a and -b")
	flags.BoolVar(&opts.runner.Costs, "costs", true, "also count system calls and allocations per message; system calls need root")
	flags.BoolVar(&opts.strict, "strict", false, "exit with 1 if a goal is missed, or a server of a goal fails")
	flags.BoolVar(&opts.growth, "growth", false, "measure how cost grows with the number of connections, and nothing else")
	flags.StringVar(&opts.echod, "echod", "", "use this binary instead of building echod")
	flags.StringVar(&opts.a, "a", "", "compare this build with that of -b: a program or a git revision")
	flags.StringVar(&opts.b, "b", "", "the other build")
	flags.StringVar(&opts.out, "out", "", "the directory of the report: DATE.json, DATE.md, DATE.svg")
	flags.StringVar(&opts.into, "into", "", "replace the workloads that are measured in this report, and write its tables and chart again")
	flags.StringVar(&opts.render, "render", "", "measure nothing; write the tables and the chart of this report next to it")
	flags.IntVar(&opts.runner.ServerCPU, "server-cpu", 0, "the CPU of the servers")
	flags.IntVar(&opts.runner.ClientCPU, "client-cpu", 1, "the CPU of the load generators")
	flags.IntVar(&opts.runner.Nice, "nice", 0, "the nice value of servers and load generators; below 0 (needs root) helps on a busy machine")
	if err := flags.Parse(args); err != nil {
		return options{}, err
	}
	opts.engines, opts.only = list(*engines), list(*only)
	if err := opts.checkGrowth(flags); err != nil {
		return options{}, err
	}
	opts.runner.Measure = time.Duration(*seconds * float64(time.Second))
	if opts.a != "" || opts.b != "" {
		opts.runner.Limit = buildsLimit
		opts.runner.Precision = min(opts.runner.Precision, buildsPrecision)
	}
	if opts.quick {
		opts.runner = opts.runner.Quick()
	}
	return opts, opts.check(flags.Args())
}

func list(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' })
}

// checkGrowth refuses flags that -growth would ignore.
func (o options) checkGrowth(flags *flag.FlagSet) error {
	var err error
	flags.Visit(func(f *flag.Flag) {
		if o.growth && slices.Contains([]string{"engines", "only", "rounds", "go-servers", "uring", "strict", "latency", "latency-pairs", "costs", "a", "b", "render"}, f.Name) {
			err = fmt.Errorf("-growth has its own workloads, servers and rounds: omit -%s", f.Name)
		}
	})
	return err
}

func (o options) check(rest []string) error {
	for _, key := range o.only {
		if !slices.Contains(keys(), key) {
			return fmt.Errorf("-only %s: want %s", key, strings.Join(keys(), ", "))
		}
	}
	switch r := o.runner; {
	case len(rest) > 0:
		return fmt.Errorf("unexpected argument %q", rest[0])
	case r.MaxPairs < 1 || r.MaxPairs > 10000:
		return fmt.Errorf("-rounds %d: want 1 to 10000", r.MaxPairs)
	case r.LatencyPairs < 1 || r.LatencyPairs > 10000:
		return fmt.Errorf("-latency-pairs %d: want 1 to 10000", r.LatencyPairs)
	case r.Measure < 50*time.Millisecond || r.Measure > 5*time.Minute:
		return fmt.Errorf("-seconds %v: want 0.05 to 300", r.Measure.Seconds())
	case !(r.Precision > 0 && r.Precision <= 1):
		return fmt.Errorf("-precision %v: want more than 0, at most 1", r.Precision)
	case !(r.Tolerance >= 0 && r.Tolerance <= 2):
		return fmt.Errorf("-tolerance %v: want 0 to 2", r.Tolerance)
	case r.Nice < -20 || r.Nice > 19:
		return fmt.Errorf("-nice %d: want -20 to 19", r.Nice)
	case r.ServerCPU < 0 || r.ClientCPU < 0:
		return fmt.Errorf("-server-cpu %d, -client-cpu %d: want numbers of CPUs, from 0 on", r.ServerCPU, r.ClientCPU)
	case r.ServerCPU == r.ClientCPU:
		return errors.New("-server-cpu and -client-cpu must differ: one CPU for both would measure the scheduler")
	case (o.a == "") != (o.b == ""):
		return errors.New("-a and -b: want both, or none")
	case o.a == "":
		return nil
	case len(o.only) != 1 || o.only[0] == "idle" || o.only[0] == "loops":
		return errors.New("-a and -b need one workload other than idle and loops, e.g. -only 50x64x1")
	case len(o.engines) == 0:
		return errors.New("-a and -b need an engine, e.g. -engines epoll")
	}
	return nil
}

// reactor returns the first engine with loops, or "".
func (o options) reactor() string {
	i := slices.IndexFunc(o.engines, func(engine string) bool { return engine != "net" })
	if i < 0 {
		return ""
	}
	return o.engines[i]
}

// selected returns the cases of -only.
func (o options) selected(all []comparison.Case) []comparison.Case {
	return slices.DeleteFunc(all, func(m comparison.Case) bool {
		return len(o.only) > 0 && !slices.Contains(o.only, m.Key())
	})
}

// keys returns the valid values of -only.
func keys() []string {
	var all []string
	for _, m := range (programs{}).cases(options{engines: []string{"epoll"}}) {
		all = append(all, m.Key())
	}
	return all
}
