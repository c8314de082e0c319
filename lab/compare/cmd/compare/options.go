package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"echod/lab/compare/internal/contest"
)

// options are the command line.
type options struct {
	engines []string
	peers   bool
	only    []string // keys of matches; empty means all
	rounds  int
	bench   contest.Bench
	quick   bool
	aa      bool
	strict  bool
	echod   string
	out     string
	render  string
}

const usage = `Compare measures echod against servers in C and other Go servers, on this machine.

  go run ./cmd/compare -out results    everything, into results/
  go run ./cmd/compare -quick          the same with one short round: three minutes
  go run ./cmd/compare -only churn,udp-16x64x32 -peers=false
                                       some workloads, our engines alone
  go run ./cmd/compare -engines epoll,poll,select
                                       other engines: net, select, poll, epoll
  go run ./cmd/compare -aa             C against itself: the noise floor
  go run ./cmd/compare -render results/DATE.json
                                       tables and picture of a report, made anew

`

func parse(args []string) (options, error) {
	var opts options
	flags := flag.NewFlagSet("compare", flag.ContinueOnError)
	flags.SetOutput(os.Stderr)
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), usage)
		flags.PrintDefaults()
	}
	engines := flags.String("engines", "epoll,net", "the engines to measure, with commas between them; none is ''")
	only := flags.String("only", "", "the workloads to measure, with commas between them: "+strings.Join(keys(), ", "))
	seconds := flags.Float64("seconds", 1, "how long each sample is measured; a contender has two a round")
	flags.BoolVar(&opts.peers, "peers", true, "measure the other Go servers too")
	flags.IntVar(&opts.rounds, "rounds", 7, "how many rounds each workload gets")
	flags.BoolVar(&opts.quick, "quick", false, "one round of samples of 0.2 s: to see that all of it works")
	flags.BoolVar(&opts.aa, "aa", false, "measure C against itself instead of anybody else")
	flags.BoolVar(&opts.strict, "strict", false, "exit 1 if a target is not met")
	flags.StringVar(&opts.echod, "echod", "", "measure this program instead of building echod")
	flags.StringVar(&opts.out, "out", "", "the directory to write the report into: DATE.json, DATE.md, DATE.svg")
	flags.StringVar(&opts.render, "render", "", "measure nothing: write tables and picture of this report beside it")
	flags.IntVar(&opts.bench.ServerCPU, "server-cpu", 0, "the processor that servers run on")
	flags.IntVar(&opts.bench.ClientCPU, "client-cpu", 1, "the processor that the load comes from")
	flags.IntVar(&opts.bench.Nice, "nice", 0, "the nice value of servers and load; below 0 (root's privilege) helps on a busy machine")
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
		return errors.New("-server-cpu and -client-cpu must differ: a shared processor measures the scheduler")
	}
	return nil
}

// reactor is the first of the engines that has loops, "" if none has.
func (o options) reactor() string {
	i := slices.IndexFunc(o.engines, func(engine string) bool { return engine != "net" })
	if i < 0 {
		return ""
	}
	return o.engines[i]
}

// chosen are the matches that were asked for.
func (o options) chosen(all []contest.Match) []contest.Match {
	return slices.DeleteFunc(all, func(m contest.Match) bool {
		return len(o.only) > 0 && !slices.Contains(o.only, m.Key())
	})
}

// keys are what -only takes.
func keys() []string {
	var all []string
	for _, m := range (programs{}).matches(options{engines: []string{"epoll"}}) {
		all = append(all, m.Key())
	}
	return all
}
