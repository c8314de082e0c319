package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"echod/internal/agent"
	"echod/internal/dial"
	"echod/internal/endpoint"
	"echod/internal/load"
	"echod/internal/spread"
	"echod/internal/usage"
)

// workersFlags are the flags of bench for a load from many machines.
type workersFlags struct {
	urls    []dial.Target
	name    dial.Target // all its addresses; without an address: none
	expect  int
	timeout time.Duration
	token   string
}

func (f *workersFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	f.timeout = time.Minute
	flags.Var(newList(&f.urls, "URL", parseWorker, dial.Target.String, "tcp://"), "worker", "put the load from this worker, not from this machine; repeatable")
	flags.Var(allWorkers(&f.name), "workers", "put the load from all addresses of this name, e.g. dns+tcp://workers:7009")
	flags.Var(number(&f.expect, 1, spread.MaxWorkers), "expect", "with --workers, how many addresses there are")
	flags.Var(duration(&f.timeout, time.Second), "workers-timeout", "with --workers, how long to wait until all answer")
	flags.Var(token(&f.token), "token", "the token of the workers")
}

func parseWorker(text string) (dial.Target, error) { return dial.Parse(text, "tcp") }

// allWorkers is the name of all workers: dns+tcp://NAME:PORT.
func allWorkers(target *dial.Target) pflag.Value {
	return &value[dial.Target]{target, "URL", func(text string) (dial.Target, error) {
		rest, every := strings.CutPrefix(text, "dns+")
		if !every {
			return dial.Target{}, endpoint.BadURL(text, "not all addresses of a name", "want dns+tcp://NAME:PORT, or --worker")
		}
		target, err := dial.Parse(rest, "tcp")
		return target, err
	}, func(t dial.Target) string {
		if t.Address == "" {
			return ""
		}
		return "dns+" + t.String()
	}, []string{"dns+tcp://"}}
}

func (f *workersFlags) given() bool { return len(f.urls) > 0 || f.name.Address != "" }

// check reports whether workers can do what the other flags of bench ask for.
func (f *workersFlags) check(bench *benchFlags) error {
	named := f.name.Address != ""
	if f.expect > 0 && !named {
		return usage.New("--expect without --workers", "add --workers dns+tcp://NAME:PORT")
	}
	if !f.given() {
		return nil
	}
	tls := bench.tls
	for _, mistake := range []struct {
		made      bool
		got, want string
	}{
		{named && len(f.urls) > 0, "--worker and --workers exclude each other", "omit one of them"},
		{named && f.expect == 0, "--workers without --expect", "add --expect N, the number of workers"},
		{len(f.urls) > spread.MaxWorkers, fmt.Sprintf("%d workers", len(f.urls)), fmt.Sprintf("want at most %d", spread.MaxWorkers)},
		{len(bench.find.limits) > 0, "--find does not work with workers", "search on one machine, or give the rates one after the other with --rate"},
		{tls.ca != "" || tls.cert != "" || tls.key != "", "--tls-ca, --tls-cert and --tls-key do not reach workers, which read no files for bench",
			"omit them: workers trust the CAs of their systems; -k and --tls-server-name do reach them"},
	} {
		if mistake.made {
			return usage.New(mistake.got, mistake.want)
		}
	}
	for i, url := range f.urls {
		if slices.ContainsFunc(f.urls[:i], func(other dial.Target) bool { return other.Address == url.Address }) {
			return usage.New("--worker "+url.String()+" is given twice", "give each worker once")
		}
	}
	return nil
}

// together carries out plan on all workers.
func (f *workersFlags) together(bench *benchFlags, plan load.Plan) carrier {
	c := &spread.Coordinator{Token: agent.NewSecret(f.token), Echod: thisBuild().brief(), Workers: f.urls,
		Name: f.name, Expect: f.expect, Timeout: f.timeout, Insecure: bench.tls.insecure, ServerName: bench.tls.serverName}
	return func(ctx context.Context, show func(load.Progress, int, int)) (*load.Result, error) {
		return c.Run(ctx, plan, func(now spread.Progress) { show(now.Progress, now.Running, now.Workers) })
	}
}

// hintWorker is for a load that has no result because of one worker.
func hintWorker(err *spread.WorkerError) string {
	refused, ok := errors.AsType[*spread.Refusal](err)
	switch {
	case !ok && dial.Classify(err) == dial.Refused:
		return "start a worker there with: echod bench worker"
	case !ok && err.Stopped:
		return "without one of its workers, a load is not that of the plan: the others were stopped, and nothing of them is reported"
	case !ok:
		return ""
	case refused.Kind == spread.KindToken:
		return "ECHOD_TOKEN=TOKEN, or --token TOKEN, must be the same here and at each worker"
	case refused.Kind == spread.KindDuplicate:
		return "give each worker once; a name may have an IPv4 and an IPv6 address of the same worker: use -4 or -6"
	}
	return ""
}
