// Inject builds echod and makes its system calls fail with strace(1), one call and one
// errno at a time, while clients that check every byte talk to it. It tests what the
// simulated kernel cannot: Go's net package, the log, the admin server, the agent and
// watch, in the real binary.
//
//	go run .                                     every case, in about an hour
//	go run . -sample 40                          some cases, chosen by -seed
//	go run . -only 'net/tcp accept4 ENOMEM first'
//	go run . -list
//
// It needs strace, and permission to trace its children.
package main

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"

	"echod/lab/inject/plan"
	"echod/lab/inject/report"
	"echod/lab/inject/trial"
)

// options are the flags.
type options struct {
	only     string
	sample   int
	seed     uint64
	list     bool
	json     bool
	echod    string
	parallel int
	timeout  time.Duration
}

//go:embed known.txt
var knownText string

func main() {
	var o options
	flag.StringVar(&o.only, "only", "", "run the cases that match this pattern, 'TARGET CALL ERRNO WHEN', with * for anything")
	flag.IntVar(&o.sample, "sample", 0, "run this many cases; 0 for all")
	flag.Uint64Var(&o.seed, "seed", 0, "the seed of the sample; 0 for a new one")
	flag.BoolVar(&o.list, "list", false, "list the cases and run none")
	flag.BoolVar(&o.json, "json", false, "write the results as JSON")
	flag.StringVar(&o.echod, "echod", "", "use this binary instead of building one")
	flag.IntVar(&o.parallel, "parallel", 2, "run this many trials at the same time")
	flag.DurationVar(&o.timeout, "timeout", 3*time.Hour, "stop after this time")
	flag.Parse()
	if flag.NArg() > 0 || o.parallel < 1 || o.sample < 0 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeoutCause(ctx, o.timeout, fmt.Errorf("not finished within %v (-timeout)", o.timeout))
	defer cancel()
	err := run(ctx, o)
	if errors.Is(err, errBroken) {
		os.Exit(1)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "inject:", err)
		os.Exit(3)
	}
}

// errBroken is returned after a report with broken promises.
var errBroken = errors.New("promises are broken")

func run(ctx context.Context, o options) error {
	cases, err := choose(&o)
	if err != nil {
		return err
	}
	if o.list {
		for _, c := range cases {
			fmt.Println(c)
		}
		return nil
	}
	known, err := report.ParseKnown(knownText)
	if err != nil {
		return fmt.Errorf("known.txt: %w", err)
	}
	env, err := prepare(ctx, o.echod)
	if err != nil {
		return err
	}
	defer env.Close()
	document := report.Document{Seed: o.seed, Total: len(plan.All()), Results: runAll(ctx, env, cases, known, o.parallel)}
	document.Unused = known.Unused(document.Results)
	if o.json {
		err = document.WriteJSON(os.Stdout)
	} else {
		err = document.WriteText(os.Stdout)
	}
	if err == nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return err
	}
	for _, r := range document.Results {
		if r.Status == report.Broken || r.Status == report.Failed {
			return errBroken
		}
	}
	return nil
}

// choose returns the cases that o selects. It sets the seed if there is none.
func choose(o *options) ([]plan.Case, error) {
	if o.seed == 0 {
		o.seed = uint64(rand.Uint32())
	}
	cases, err := plan.Select(plan.All(), o.only)
	if err != nil {
		return nil, err
	}
	return plan.Sample(cases, o.sample, o.seed), nil
}

// prepare returns an Env, with a new binary if none is given.
func prepare(ctx context.Context, echod string) (*trial.Env, error) {
	if _, err := exec.LookPath("strace"); err != nil {
		return nil, fmt.Errorf("%w: install the package strace", err)
	}
	if echod != "" {
		path, err := filepath.Abs(echod)
		if err != nil {
			return nil, err
		}
		return trial.Open("", path)
	}
	dir, err := os.MkdirTemp("", "inject-build-")
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "echod")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", path, "./cmd/echod")
	build.Dir, build.Env, build.Stderr = "../..", append(os.Environ(), "CGO_ENABLED=0"), os.Stderr
	if err := build.Run(); err != nil {
		os.RemoveAll(dir)
		return nil, fmt.Errorf("go build ./cmd/echod: %w", err)
	}
	env, err := trial.Open(dir, path)
	if err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	env.Remove(dir)
	return env, nil
}

// runAll runs the cases until all are finished or ctx is canceled. The results are in the
// order of the cases.
func runAll(ctx context.Context, env *trial.Env, cases []plan.Case, known report.KnownList, parallel int) []report.Result {
	targets := make(map[string]plan.Target)
	for _, target := range plan.Targets() {
		targets[target.Name] = target
	}
	var (
		next    = make(chan int)
		results = make([]report.Result, len(cases))
		mu      sync.Mutex
		done    int
		workers sync.WaitGroup
	)
	for range parallel {
		workers.Go(func() {
			runtime.LockOSThread() // not unlocked: the processes of a trial end before the thread
			for i := range next {
				start := time.Now()
				seen, err := env.Run(targets[cases[i].Target], cases[i])
				results[i] = report.Of(cases[i], seen, err, known, time.Since(start))
				mu.Lock()
				done++
				fmt.Fprintf(os.Stderr, "[%d/%d] %s: %s (%.1fs)\n", done, len(cases), cases[i], results[i].Word(),
					results[i].Took.Seconds())
				mu.Unlock()
			}
		})
	}
	started := 0
	for i := range cases {
		if ctx.Err() != nil {
			break
		}
		next <- i
		started++
	}
	close(next)
	workers.Wait()
	return results[:started]
}
