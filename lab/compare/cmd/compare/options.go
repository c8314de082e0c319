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
	rounds    int
	bench     comparison.Runner
	quick     bool
	aa        bool
	again     bool
	uring     bool
	strict    bool
	echod     string
	out       string
	render    string
}

const usage = `Compare measures echod against servers in C and other Go servers, on this machine.

  go run ./cmd/compare -out results    everything, into results/
  go run ./cmd/compare -quick          the same with one short round: three minutes
  go run ./cmd/compare -only churn,udp-16x64x32 -go-servers=false
                                       some workloads, only C and echod
  go run ./cmd/compare -engines epoll,poll,select
                                       other engines: net, select, poll, epoll
  go run ./cmd/compare -uring -again -engines epoll -go-servers=false
                                       io_uring against epoll, in C
  go run ./cmd/compare -aa             C against itself: the noise floor
  go run ./cmd/compare -render results/DATE.json
                                       write the tables and the chart of a report again

`

func parse(args []string) (options, error) {
	var opts options
	flags := flag.NewFlagSet("compare", flag.ContinueOnError)
	flags.SetOutput(os.Stderr)
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), usage)
		flags.PrintDefaults()
	}
	engines := flags.String("engines", "epoll,net", "the engines to measure, separated by commas; '' for none")
	only := flags.String("only", "", "the workloads to measure, separated by commas: "+strings.Join(keys(), ", "))
	seconds := flags.Float64("seconds", 1, "the duration of each sample; a server has two in a round")
	flags.BoolVar(&opts.goServers, "go-servers", true, "also measure the other Go servers")
	flags.IntVar(&opts.rounds, "rounds", 7, "the number of rounds of each workload")
	flags.BoolVar(&opts.quick, "quick", false, "one round with samples of 0.2 s, to test that everything works")
	flags.BoolVar(&opts.aa, "aa", false, "compare C only with itself")
	flags.BoolVar(&opts.again, "again", false, "also run C a second time in each round: the noise floor of the same rounds")
	flags.BoolVar(&opts.uring, "uring", false, "also measure the C server with io_uring, on TCP")
	flags.BoolVar(&opts.strict, "strict", false, "exit with 1 if a target is missed")
	flags.StringVar(&opts.echod, "echod", "", "use this binary instead of building echod")
	flags.StringVar(&opts.out, "out", "", "the directory of the report: DATE.json, DATE.md, DATE.svg")
	flags.StringVar(&opts.render, "render", "", "measure nothing; write the tables and the chart of this report next to it")
	flags.IntVar(&opts.bench.ServerCPU, "server-cpu", 0, "the CPU of the servers")
	flags.IntVar(&opts.bench.ClientCPU, "client-cpu", 1, "the CPU of the load generators")
	flags.IntVar(&opts.bench.Nice, "nice", 0, "the nice value of servers and load generators; below 0 (needs root) helps on a busy machine")
	if err := flags.Parse(args); err != nil {
		return options{}, err
	}
	opts.engines, opts.only = list(*engines), list(*only)
	opts.bench.Warmup = 300 * time.Millisecond
	opts.bench.Measure = time.Duration(*seconds * float64(time.Second))
	if opts.quick {
		opts.rounds, opts.bench.Warmup, opts.bench.Measure = 1, 100*time.Millisecond, 200*time.Millisecond
	}
	return opts, opts.check(flags.Args())
}

func list(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' })
}

func (o options) check(rest []string) error {
	for _, key := range o.only {
		if !slices.Contains(keys(), key) {
			return fmt.Errorf("-only %s: want %s", key, strings.Join(keys(), ", "))
		}
	}
	switch {
	case len(rest) > 0:
		return fmt.Errorf("unexpected argument %q", rest[0])
	case o.rounds < 1 || o.rounds > 1000:
		return fmt.Errorf("-rounds %d: want 1 to 1000", o.rounds)
	case o.bench.Measure < 50*time.Millisecond || o.bench.Measure > 5*time.Minute:
		return fmt.Errorf("-seconds %v: want 0.05 to 300", o.bench.Measure.Seconds())
	case o.bench.Nice < -20 || o.bench.Nice > 19:
		return fmt.Errorf("-nice %d: want -20 to 19", o.bench.Nice)
	case o.bench.ServerCPU == o.bench.ClientCPU:
		return errors.New("-server-cpu and -client-cpu must differ: one CPU for both would measure the scheduler")
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
