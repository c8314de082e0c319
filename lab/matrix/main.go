// Matrix puts programs that people use between echod check and an honest echo,
// and writes down what check says about each: docs/matrix.md, and beside it the
// raw reports. Everything happens on 127.0.0.1.
//
//	go run .                  every program that can be had here
//	go run . -quick           haproxy, nginx and socat; nothing is written
//	go run . -only socat,frp  some
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
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

// options are what the command line asks for.
type options struct {
	quick  bool
	only   string
	root   string
	docs   string
	echod  string
	atOnce int
	within time.Duration
}

func main() {
	var o options
	flag.BoolVar(&o.quick, "quick", false, "run haproxy, nginx and socat, and write nothing")
	flag.StringVar(&o.only, "only", "", "run these programs, by name, separated by commas, and write nothing")
	flag.StringVar(&o.root, "root", "", "a directory that Debian packages were unpacked into with dpkg-deb -x")
	flag.StringVar(&o.docs, "docs", "../../docs", "where matrix.md and matrix/ are written")
	flag.StringVar(&o.echod, "echod", "", "use this echod instead of building one")
	flag.IntVar(&o.atOnce, "at-once", 3, "how many setups may run side by side")
	flag.DurationVar(&o.within, "within", time.Hour, "give up after this long")
	flag.Parse()
	if flag.NArg() > 0 || o.atOnce < 1 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeoutCause(ctx, o.within, fmt.Errorf("not done within %v (-within)", o.within))
	defer cancel()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "matrix:", err)
		os.Exit(1)
	}
}

func say(format string, args ...any) { fmt.Printf(format+"\n", args...) }

func run(ctx context.Context, o options) error {
	// What is started ends with the thread that started it.
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
		w.Flags = []string{"--stall", "2s"} // of 10, which is most of what check takes
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
		if n := lab.Sweep(); n > 0 {
			say("%d processes had to be ended that their programs left behind", n)
		}
	}()
	outcomes := tryAll(ctx, w, chosen, target, o)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if o.quick || o.only != "" {
		return errors.Join(page.Summary(os.Stdout, outcomes), allRan(outcomes))
	}
	return page.Write(o.docs, outcomes, programs.LeftOut())
}

// allRan is an error if a setup was asked for by name and could not be run.
func allRan(outcomes []lab.Outcome) error {
	for _, o := range outcomes {
		if o.Report == nil {
			return fmt.Errorf("%s, %s could not be run: %s", o.Program, o.Setup.Name, o.Reason)
		}
	}
	return nil
}

// choose picks the programs that o asks for.
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
			return nil, fmt.Errorf("no program is called %q", name)
		}
		chosen = append(chosen, programs.All()[i])
	}
	return chosen, nil
}

// tryAll obtains the programs one by one, for that takes the processor, and
// tries their setups side by side, for that is mostly waiting.
func tryAll(ctx context.Context, w *lab.Workshop, chosen []lab.Program, target lab.Target, o options) []lab.Outcome {
	var (
		outcomes []lab.Outcome
		places   = make(chan struct{}, o.atOnce)
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
			say("%s, %s: left out: %s", outcomes[i].Program, outcomes[i].Setup.Name, outcomes[i].Reason)
			continue
		}
		places <- struct{}{}
		wg.Go(func() {
			runtime.LockOSThread() // never unlocked: what it started ended before
			defer func() { <-places }()
			tryOne(ctx, w, &outcomes[i], target, !o.quick)
		})
	}
	wg.Wait()
	return outcomes
}

// longest is how long one setup may take, come what may.
const longest = 5 * time.Minute

func tryOne(ctx context.Context, w *lab.Workshop, outcome *lab.Outcome, target lab.Target, confirm bool) {
	ctx, cancel := context.WithTimeout(ctx, longest)
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
