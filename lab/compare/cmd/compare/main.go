// Compare compares echod with servers in C and with other Go servers on this machine. The
// results are ratios. It builds everything that it runs.
//
//	go run ./cmd/compare -out results             everything, into results/
//	go run ./cmd/compare -only 50x64x1            some workloads
//	go run ./cmd/compare -only 50x64x1 -a X -b Y  two builds of echod
//	go run ./cmd/compare -growth -out results     how cost grows with the connections
//	go run ./cmd/compare -quick                   a test that everything works
//	go run ./cmd/compare -render FILE             the tables and the chart of a report
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

	"echod/lab/compare/internal/comparison"
)

var errMissed = errors.New("-strict: a goal was not met")

func main() {
	// The kernel kills a child when the thread that started it ends. The first thread runs
	// as long as the process.
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
	if strings.HasSuffix(opts.render, growthEnding) {
		return renderGrowth(ctx, opts.render)
	}
	if opts.render != "" {
		report, err := comparison.Open(opts.render)
		if err != nil {
			return err
		}
		return publish(ctx, report, strings.TrimSuffix(opts.render, ".json"))
	}
	dir, err := os.MkdirTemp("", "compare-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if opts.growth {
		return runGrowth(ctx, opts, dir)
	}
	report, err := measure(ctx, opts, dir)
	if err != nil && len(report.Results) > 0 {
		fmt.Fprintf(os.Stderr, "compare: not all workloads are finished, so no file is written. These are:\n")
		return errors.Join(report.WriteMarkdown(os.Stdout), err)
	}
	if err != nil {
		return err
	}
	if err := save(ctx, opts, report); err != nil {
		return err
	}
	return checkGoals(opts, report)
}

// measure builds everything in dir and runs all cases. With an error, the report has those that
// are finished.
func measure(ctx context.Context, opts options, dir string) (comparison.Report, error) {
	module, err := comparison.ModuleDir(ctx)
	if err != nil {
		return comparison.Report{}, err
	}
	programs, err := build(ctx, opts, module, dir)
	if err != nil {
		return comparison.Report{}, err
	}
	runner := opts.runner
	runner.Tools = programs.tools
	if opts.latency {
		runner.Bench = programs.echod
	}
	cases := programs.chosen(opts)
	report := comparison.Report{
		Date:        time.Now().UTC().Truncate(time.Second),
		Environment: runner.Environment(ctx, module),
		Seed:        runner.Seed,
		Warmup:      runner.Warmup.Seconds(),
		Seconds:     runner.Measure.Seconds(),
		Tolerance:   runner.Tolerance,
		A:           opts.a,
		B:           opts.b,
	}
	progress := newProgress(runner, cases)
	for _, c := range cases {
		result, err := runner.Run(ctx, c, progress.round(c))
		if err != nil {
			return report, err
		}
		progress.finished(c, result)
		report.Results = append(report.Results, result)
	}
	return report, nil
}

func checkGoals(opts options, report comparison.Report) error {
	for _, check := range report.Checks() {
		if opts.strict && (check.Verdict == comparison.Missed || check.Verdict == comparison.Failed) {
			return fmt.Errorf("%w: %s at %s, %s: %s", errMissed, check.Goal.Server, check.Result.Key(), check.Goal.Limit(), check)
		}
	}
	return nil
}
