package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"echod/compare/internal/duel"
)

// options are the command line.
type options struct {
	engines []string
	rounds  int
	bench   duel.Bench
	all     bool
	aa      bool
	echod   string
	json    string
	min     float64
}

const usage = `Bench-engines measures echod's engines against a C epoll loop, on this machine.

  go run ./cmd/bench-engines                      epoll; about two minutes
  go run ./cmd/bench-engines -engines net,epoll   others: net, select, poll, epoll
  go run ./cmd/bench-engines -aa                  the C loop against itself: the noise floor
  go run ./cmd/bench-engines -min 0.95            exit 1 if a median is below that

`

func parse(args []string) (options, error) {
	var opts options
	flags := flag.NewFlagSet("bench-engines", flag.ContinueOnError)
	flags.SetOutput(os.Stderr)
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), usage)
		flags.PrintDefaults()
	}
	engines := flags.String("engines", "epoll", "the engines to measure, with commas between them")
	seconds := flags.Float64("seconds", 1.5, "how long each sample is measured; a round has four")
	flags.IntVar(&opts.rounds, "rounds", 7, "how many rounds each workload gets")
	flags.BoolVar(&opts.all, "all", false, "also one connection alone, and bulk")
	flags.BoolVar(&opts.aa, "aa", false, "measure the yardstick against itself instead of engines")
	flags.StringVar(&opts.echod, "echod", "", "measure this program instead of building echod")
	flags.StringVar(&opts.json, "json", "", "also write the report, raw samples included, to this file")
	flags.Float64Var(&opts.min, "min", 0, "exit 1 if a median throughput ratio is less than this")
	flags.IntVar(&opts.bench.ServerCPU, "server-cpu", 0, "the processor that servers run on")
	flags.IntVar(&opts.bench.ClientCPU, "client-cpu", 1, "the processor that the load comes from")
	flags.IntVar(&opts.bench.Nice, "nice", 0, "the nice value of servers and load; below 0 (root's privilege) helps on a busy machine")
	if err := flags.Parse(args); err != nil {
		return options{}, err
	}
	opts.engines = strings.Split(*engines, ",")
	opts.bench.Warmup = 300 * time.Millisecond
	opts.bench.Measure = time.Duration(*seconds * float64(time.Second))
	return opts, opts.check(flags.Args())
}

func (o options) check(rest []string) error {
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

func (o options) workloads() []duel.Workload {
	if o.all {
		return append(duel.Small(), duel.Further()...)
	}
	return duel.Small()
}

// bound is the longest that a run may take: a sample that takes five seconds
// more than it should means that something hangs.
func (o options) bound() time.Duration {
	const build, slack = 5 * time.Minute, 5 * time.Second
	samples := time.Duration(4 * o.rounds * len(o.workloads()) * len(o.engines))
	return build + samples*(o.bench.Warmup+o.bench.Measure+slack)
}
