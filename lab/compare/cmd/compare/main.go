// Compare holds echod against servers in C and against other Go servers, on
// this machine, and writes what it measured as ratios. It builds everything it
// runs.
//
//	go run ./cmd/compare -out results    everything, into results/
//	go run ./cmd/compare -quick          the same with one short round
//	go run ./cmd/compare -only 50x64x1   some workloads
//	go run ./cmd/compare -aa             C against itself: the noise floor
//	go run ./cmd/compare -render FILE    the tables and the picture of a report
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"echod/lab/compare/internal/contest"
)

var errShort = errors.New("-strict: a target was not met")

func main() {
	// Children die with the thread that started them: let it be the first,
	// which lives as long as the process.
	runtime.LockOSThread()
	opts, err := parse(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(0)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, opts); err != nil {
		if ctx.Err() != nil {
			err = errors.New("interrupted")
		}
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, opts options) error {
	if opts.render != "" {
		report, err := contest.Open(opts.render)
		if err != nil {
			return err
		}
		return publish(report, strings.TrimSuffix(opts.render, ".json"))
	}
	dir, err := os.MkdirTemp("", "compare-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	report, err := measure(ctx, opts, dir)
	if err != nil {
		return err
	}
	if err := save(opts, report); err != nil {
		return err
	}
	return judge(opts, report)
}

// measure builds everything in dir and plays all matches.
func measure(ctx context.Context, opts options, dir string) (contest.Report, error) {
	module, err := contest.ModuleDir(ctx)
	if err != nil {
		return contest.Report{}, err
	}
	programs, err := build(ctx, opts, module, dir)
	if err != nil {
		return contest.Report{}, err
	}
	bench := opts.bench
	bench.Tools = programs.tools
	matches := opts.chosen(programs.matches(opts))
	report := contest.Report{
		Date:        time.Now().UTC().Truncate(time.Second),
		Environment: bench.Look(ctx, module),
		Warmup:      bench.Warmup.Seconds(),
		Seconds:     bench.Measure.Seconds(),
	}
	told := newProgress(bench, matches)
	for _, m := range matches {
		result, err := bench.Play(ctx, m, told.round(m))
		if err != nil {
			return contest.Report{}, err
		}
		report.Results = append(report.Results, result)
	}
	return report, nil
}

func judge(opts options, report contest.Report) error {
	if !opts.strict {
		return nil
	}
	for _, claim := range report.Claims() {
		if short := claim.Short(); len(short) > 0 {
			return fmt.Errorf("%w: %s at %s: %s", errShort, claim.Entry.Name, claim.Result.Workload, strings.Join(short, ", "))
		}
	}
	return nil
}
