// Matrix runs echod check through other programs and writes the results to docs/matrix.md,
// docs/matrix.svg and docs/matrix/. Everything runs on 127.0.0.1.
//
//	go run .                  every program that is available; takes ten minutes or more
//	go run . -quick           haproxy, nginx and socat; writes nothing
//	go run . -only socat,frp  some programs; writes nothing
//	go run . -render          writes docs/matrix.md and docs/matrix.svg from docs/matrix/,
//	                          runs none of the programs
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"echod/lab/matrix/lab"
	"echod/lab/matrix/page"
	"echod/lab/matrix/programs"
)

// options are the flags.
type options struct {
	quick    bool
	render   bool
	only     string
	root     string
	docs     string
	echod    string
	parallel int
	timeout  time.Duration
}

func main() {
	var o options
	flag.BoolVar(&o.quick, "quick", false, "run haproxy, nginx and socat, and write nothing")
	flag.BoolVar(&o.render, "render", false, "write matrix.md and matrix.svg from the files in matrix/, and run none of the programs")
	flag.StringVar(&o.only, "only", "", "run these programs, by name, separated by commas, and write nothing")
	flag.StringVar(&o.root, "root", "", "a directory with Debian packages that dpkg-deb -x has unpacked")
	flag.StringVar(&o.docs, "docs", "../../docs", "the directory of matrix.md, matrix.svg and matrix/")
	flag.StringVar(&o.echod, "echod", "", "use this echod instead of building one")
	flag.IntVar(&o.parallel, "parallel", 3, "run this many setups at the same time")
	flag.DurationVar(&o.timeout, "timeout", time.Hour, "stop after this time")
	flag.Parse()
	if flag.NArg() > 0 || o.parallel < 1 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeoutCause(ctx, o.timeout, fmt.Errorf("not finished within %v (-timeout)", o.timeout))
	defer cancel()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "matrix:", err)
		os.Exit(1)
	}
}

func say(format string, args ...any) { fmt.Printf(format+"\n", args...) }

func run(ctx context.Context, o options) error {
	if o.render {
		if err := page.Render(o.docs, programs.All(), programs.Missing()); err != nil {
			return err
		}
		return draw(ctx, o.docs)
	}
	// Processes end with the thread that has started them.
	runtime.LockOSThread()
	if err := lab.AdoptOrphans(); err != nil {
		return err
	}
	chosen, err := choose(o)
	if err != nil {
		return err
	}
	w, err := lab.Open(o.root)
	if err != nil {
		return err
	}
	defer w.Close()
	if o.quick {
		w.Flags = []string{"--stall", "2s"} // instead of 10 s, which is most of the time of check
	}
	if o.echod != "" {
		err = w.Use(o.echod)
	} else {
		err = w.Build(ctx, "../..")
	}
	if err != nil {
		return err
	}
	target, stop, err := w.Serve(ctx)
	if err != nil {
		return err
	}
	defer func() {
		stop()
		if n := lab.KillDescendants(); n > 0 {
			say("%d processes that programs had left were killed", n)
		}
	}()
	outcomes := runAll(ctx, w, chosen, target, o)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if o.quick || o.only != "" {
		return errors.Join(page.Summary(os.Stdout, outcomes), allRan(outcomes))
	}
	if err := page.Write(o.docs, outcomes, programs.Missing()); err != nil {
		return err
	}
	return draw(ctx, o.docs)
}

// draw lets the echod of this repository draw docs/matrix.svg from the reports in docs/matrix/.
func draw(ctx context.Context, docs string) error {
	docs, err := filepath.Abs(docs)
	if err != nil {
		return err
	}
	reports, err := page.Reports(docs)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", append([]string{"run", "-C", "../..", "./cmd/echod", "report", "--output", filepath.Join(docs, "matrix.svg")}, reports...)...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd.Run()
}

// allRan returns an error if a setup could not be run.
func allRan(outcomes []lab.Outcome) error {
	for _, o := range outcomes {
		if o.Report == nil {
			return fmt.Errorf("%s, %s could not be run: %s", o.Program, o.Setup.Name, o.Reason)
		}
	}
	return nil
}

// choose returns the programs that o selects.
func choose(o options) ([]lab.Program, error) {
	switch {
	case o.quick:
		return programs.Quick(), nil
	case o.only == "":
		return programs.All(), nil
	}
	var chosen []lab.Program
	for name := range strings.SplitSeq(o.only, ",") {
		i := slices.IndexFunc(programs.All(), func(p lab.Program) bool { return p.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("unknown program %q", name)
		}
		chosen = append(chosen, programs.All()[i])
	}
	return chosen, nil
}

// runAll obtains the programs one after another, because builds use the CPU. It runs their
// setups at the same time, because they mostly wait.
func runAll(ctx context.Context, w *lab.Env, chosen []lab.Program, target lab.Target, o options) []lab.Outcome {
	var (
		outcomes []lab.Outcome
		slots    = make(chan struct{}, o.parallel)
		wg       sync.WaitGroup
	)
	for _, program := range chosen {
		version, err := program.Source.Obtain(ctx, w)
		for _, setup := range program.Setups {
			outcomes = append(outcomes, lab.Outcome{
				Program: program.Name, Source: program.Source.String(), Version: version, Setup: setup,
			})
			if err != nil {
				outcomes[len(outcomes)-1].Reason = err.Error()
			}
		}
	}
	for i := range outcomes {
		if ctx.Err() != nil {
			break
		}
		if outcomes[i].Reason != "" {
			say("%s, %s: not available: %s", outcomes[i].Program, outcomes[i].Setup.Name, outcomes[i].Reason)
			continue
		}
		slots <- struct{}{}
		wg.Go(func() {
			runtime.LockOSThread() // not unlocked: the processes of the setup end before the thread
			defer func() { <-slots }()
			runOne(ctx, w, &outcomes[i], target, !o.quick)
		})
	}
	wg.Wait()
	return outcomes
}

// setupTimeout is how long one setup may take.
const setupTimeout = 5 * time.Minute

func runOne(ctx context.Context, w *lab.Env, outcome *lab.Outcome, target lab.Target, confirm bool) {
	ctx, cancel := context.WithTimeout(ctx, setupTimeout)
	defer cancel()
	start := time.Now()
	report, err := w.Try(ctx, outcome.Setup, target, confirm)
	outcome.Elapsed = time.Since(start)
	if err != nil {
		outcome.Reason = err.Error()
		say("%s, %s: could not be run: %v", outcome.Program, outcome.Setup.Name, err)
		return
	}
	outcome.Report = report
	say("%s, %s: %d rules passed, %d failed (%.0fs)", outcome.Program, outcome.Setup.Name,
		report.Count("pass"), report.Count("fail"), outcome.Elapsed.Seconds())
}
