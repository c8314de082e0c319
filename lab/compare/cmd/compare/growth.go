package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"echod/lab/compare/internal/comparison"
	"echod/lab/compare/internal/growth"
)

// growthEnding is the end of the name of a report of -growth.
const growthEnding = "-growth.json"

// runGrowth measures how cost grows, and prints the tables. If there is a directory, it also
// writes the report and what is made from it.
func runGrowth(ctx context.Context, opts options, dir string) error {
	module, err := comparison.ModuleDir(ctx)
	if err != nil {
		return err
	}
	opts.goServers = false
	programs, err := build(ctx, opts, module, dir)
	if err != nil {
		return err
	}
	runner := growth.Runner(opts.runner)
	runner.Tools = programs.tools
	report := growth.Report{
		Date:        time.Now().UTC().Truncate(time.Second),
		Environment: runner.Environment(ctx, module),
		Seed:        runner.Seed,
		Warmup:      runner.Warmup.Seconds(),
		Seconds:     runner.Measure.Seconds(),
		Tolerance:   runner.Tolerance,
	}
	if report.Points, err = growth.Measure(ctx, runner, growthServers(programs), printCase); err != nil {
		return err
	}
	if err := report.WriteMarkdown(os.Stdout); err != nil || opts.out == "" {
		return err
	}
	if err := os.MkdirAll(opts.out, 0o755); err != nil {
		return err
	}
	name := report.Date.Format("2006-01-02") + growthEnding
	if opts.quick {
		name = "quick-" + name
	}
	name = filepath.Join(opts.out, name)
	if err := report.Save(name); err != nil {
		return err
	}
	return publishGrowth(ctx, report, name)
}

// growthServers returns the servers by name.
func growthServers(p programs) map[string]comparison.Server {
	servers := map[string]comparison.Server{comparison.C: comparison.CStreams(p.tools)}
	for _, engine := range []string{"epoll", "net", "poll", "select"} {
		servers[comparison.EchodName(engine)] = comparison.Echod(p.echod, engine, "tcp")
	}
	return servers
}

// printCase writes the progress to standard error.
func printCase(m comparison.Case, left time.Duration) {
	what := fmt.Sprintf("%d active", m.Active)
	if m.Workload.Kind == comparison.Idle {
		what = "idle"
	}
	fmt.Fprintf(os.Stderr, "%d connections, %s; about %v left\n", m.Workload.Conns, what, left.Round(time.Second))
}

// renderGrowth writes again what is made from a report.
func renderGrowth(ctx context.Context, name string) error {
	report, err := growth.Open(name)
	if err != nil {
		return err
	}
	return publishGrowth(ctx, report, name)
}

// publishGrowth writes the tables and the picture of a report next to it. If it is one of the
// results that are kept, it also writes the documents that quote it.
func publishGrowth(ctx context.Context, report growth.Report, name string) error {
	base := strings.TrimSuffix(name, ".json")
	if err := write(base+".md", report.WriteMarkdown); err != nil {
		return err
	}
	if err := write(base+".svg", report.WriteSVG); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "compare: wrote %s.md and .svg\n", base)
	repo, err := keptIn(ctx, name)
	if err != nil || repo == "" {
		return err
	}
	fmt.Fprintln(os.Stderr, "compare: wrote the documents that quote it")
	return report.Update(repo, filepath.Base(base))
}

// keptIn returns the root of the repository if a report is one of its results, or else "".
func keptIn(ctx context.Context, name string) (string, error) {
	module, err := comparison.ModuleDir(ctx)
	if err != nil {
		return "", err
	}
	repo := filepath.Dir(filepath.Dir(module))
	dir, err := filepath.Abs(filepath.Dir(name))
	if err != nil || dir != filepath.Join(repo, growth.Results) || strings.HasPrefix(filepath.Base(name), "quick-") {
		return "", err
	}
	return repo, nil
}
