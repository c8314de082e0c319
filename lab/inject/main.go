// Inject builds echod and makes its system calls fail, one call and one errno at a
// time, while clients that check every byte talk to it; strace(1) does the failing.
// What a simulated kernel cannot show is shown here: Go's net package, the log, the
// admin server, the agent and watch, all in the binary that is shipped.
//
//	go run .                                     every case, in about an hour
//	go run . -sample 40                          some of them, chosen by -seed
//	go run . -only 'net/tcp accept4 ENOMEM first'
//	go run . -list
//
// It needs strace and root, or permission to trace its own children.
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

// options are what the command line asks for.
type options struct {
	only   string
	sample int
	seed   uint64
	list   bool
	json   bool
	echod  string
	atOnce int
	within time.Duration
}

//go:embed known.txt
var knownText string

func main() {
	var o options
	flag.StringVar(&o.only, "only", "", "run the cases that match this pattern, 'TARGET CALL ERRNO WHEN', with * for anything")
	flag.IntVar(&o.sample, "sample", 0, "run this many of them, 0 for all")
	flag.Uint64Var(&o.seed, "seed", 0, "choose the sample by this number, 0 for a new one")
	flag.BoolVar(&o.list, "list", false, "list the cases and run none")
	flag.BoolVar(&o.json, "json", false, "write the results as JSON")
	flag.StringVar(&o.echod, "echod", "", "use this echod instead of building one")
	flag.IntVar(&o.atOnce, "at-once", 2, "how many trials may run at the same time")
	flag.DurationVar(&o.within, "within", 3*time.Hour, "give up after this long")
	flag.Parse()
	if flag.NArg() > 0 || o.atOnce < 1 || o.sample < 0 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeoutCause(ctx, o.within, fmt.Errorf("not done within %v (-within)", o.within))
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

// errBroken is returned after a report of promises that are broken.
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
	site, err := prepare(ctx, o.echod)
	if err != nil {
		return err
	}
	defer site.Close()
	document := report.Document{Seed: o.seed, Total: len(plan.All()), Results: tryAll(ctx, site, cases, known, o.atOnce)}
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
		if r.Status == report.Broke || r.Status == report.Failed {
			return errBroken
		}
	}
	return nil
}

// choose picks the cases that o asks for, and a seed if there is none.
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

// prepare makes a site, with a new binary if none is given.
func prepare(ctx context.Context, echod string) (*trial.Site, error) {
	if _, err := exec.LookPath("strace"); err != nil {
		return nil, fmt.Errorf("%w; install the package strace", err)
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
	site, err := trial.Open(dir, path)
	if err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	site.Remove(dir)
	return site, nil
}

// tryAll runs the cases, some at a time, until all are done or ctx is. The results
// are in the order of the cases.
func tryAll(ctx context.Context, site *trial.Site, cases []plan.Case, known report.KnownList, atOnce int) []report.Result {
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
	for range atOnce {
		workers.Go(func() {
			runtime.LockOSThread() // never unlocked: what a trial started ends before
			for i := range next {
				began := time.Now()
				seen, err := site.Run(targets[cases[i].Target], cases[i])
				results[i] = report.Of(cases[i], seen, err, known, time.Since(began))
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
