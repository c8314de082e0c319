// Bench-engines holds echod's engines, one loop each, against the C yardstick
// and prints what they cost as ratios. It builds everything it runs.
//
//	go run ./cmd/bench-engines                      epoll
//	go run ./cmd/bench-engines -engines net,epoll   others
//	go run ./cmd/bench-engines -aa                  the yardstick against itself: the noise floor
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"

	"echod/compare/internal/duel"
)

var (
	errBelow = errors.New("a median throughput is below -min")
	errHang  = errors.New("stopped: it took far longer than it should")
)

func main() {
	// Children die with the thread that started them: let it be the first,
	// which lives as long as the process.
	runtime.LockOSThread()
	opts, err := parse(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(0)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench-engines:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, opts); err != nil {
		if ctx.Err() != nil {
			err = errors.New("interrupted")
		}
		fmt.Fprintln(os.Stderr, "bench-engines:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, opts options) error {
	ctx, cancel := context.WithTimeoutCause(ctx, opts.bound(), errHang)
	defer cancel()
	dir, err := os.MkdirTemp("", "bench-engines-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	module, err := duel.ModuleDir(ctx)
	if err != nil {
		return err
	}
	tools, err := duel.BuildTools(ctx, module, dir)
	if err != nil {
		return err
	}
	rivals, err := contenders(ctx, opts, tools, filepath.Dir(module), dir)
	if err != nil {
		return err
	}
	report, err := play(ctx, opts, tools, rivals)
	if err != nil {
		return cmp.Or(context.Cause(ctx), err)
	}
	if err := publish(opts, report); err != nil {
		return err
	}
	return judge(opts, report)
}

// contenders are who meets the yardstick.
func contenders(ctx context.Context, opts options, tools duel.Tools, repo, dir string) ([]duel.Contender, error) {
	if opts.aa {
		return []duel.Contender{duel.CYardstick(tools)}, nil
	}
	echod := opts.echod
	if echod == "" {
		var err error
		if echod, err = duel.BuildEchod(ctx, repo, dir); err != nil {
			return nil, err
		}
	}
	var rivals []duel.Contender
	for _, engine := range opts.engines {
		rivals = append(rivals, duel.Echod(echod, engine))
	}
	return rivals, nil
}

func play(ctx context.Context, opts options, tools duel.Tools, rivals []duel.Contender) (duel.Report, error) {
	bench := opts.bench
	bench.Load = tools.Load
	report := duel.Report{Environment: bench.Look(ctx), Seconds: bench.Measure.Seconds()}
	for _, rival := range rivals {
		for _, w := range opts.workloads() {
			progress := func(i int, r duel.Round) {
				fmt.Fprintf(os.Stderr, "%s %s: round %d of %d: throughput %.3f, CPU of the server %.3f\n",
					rival.Name, w, i+1, opts.rounds, duel.Throughput.Ratio(r), duel.ServerCPU.Ratio(r))
			}
			result, err := bench.Duel(ctx, duel.CYardstick(tools), rival, w, opts.rounds, progress)
			if err != nil {
				return duel.Report{}, err
			}
			report.Results = append(report.Results, result)
		}
	}
	return report, nil
}

func publish(opts options, report duel.Report) error {
	if opts.json != "" {
		text, err := json.MarshalIndent(report, "", "\t")
		if err != nil {
			return err
		}
		if err := os.WriteFile(opts.json, append(text, '\n'), 0o644); err != nil {
			return err
		}
	}
	return report.WriteText(os.Stdout)
}

func judge(opts options, report duel.Report) error {
	for _, r := range report.Results {
		if got := r.Ratio(duel.Throughput).Median; got < opts.min {
			return fmt.Errorf("%w: %s with %s: %.3f < %g", errBelow, r.Engine, r.Workload, got, opts.min)
		}
	}
	return nil
}
