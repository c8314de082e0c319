package cli

import (
	"cmp"
	"context"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"echod/internal/load"
	"echod/internal/usage"
)

// benchFlags are the flags of bench. What is 0 in the plan and has a default
// gets it in planFor, which must know what was given.
type benchFlags struct {
	plan       load.Plan
	thresholds []threshold[*load.Result]
	tls        tlsFlags
	format     string
	output     string
	hdr        string
}

const defaultBenchDuration = 10 * time.Second

func newBenchFlags() *benchFlags {
	return &benchFlags{format: "text", plan: load.Plan{
		Conns: 50, Depth: 1, Sizes: mustParseSizes("64"), Timeout: 5 * time.Second, Verify: true,
	}}
}

func newBench(p *Process) *cobra.Command {
	f := newBenchFlags()
	cmd := &cobra.Command{
		Use:   "bench URL",
		Short: "put an echo under load, and measure what it answers",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := readVariables(cmd.Flags(), p.Getenv); err != nil {
				return err
			}
			f.format = formatFor(cmd.Flags(), p.Getenv, formats)
			return f.run(cmd.Context(), p, args)
		},
	}
	f.register(cmd.Flags())
	cmd.RegisterFlagCompletionFunc("format", words(formats))
	return cmd
}

// mustParseSizes is for lengths that are written here.
func mustParseSizes(text string) load.Sizes {
	parsed, err := load.ParseSizes(text)
	if err != nil {
		panic(err)
	}
	return parsed
}

func (f *benchFlags) register(flags *pflag.FlagSet) {
	plan := &f.plan
	flags.SortFlags = false
	flags.Var(rate{&plan.Rate}, "rate", "messages a second, on a schedule; 0: as fast as answers come")
	flags.Var(count{&plan.Depth, 1, load.MaxDepth}, "depth", "messages in flight on each connection, if there is no --rate")
	flags.Var(count{&plan.Conns, 1, load.MaxConns}, "conns", "connections at once, or sockets for datagrams")
	flags.Var(sizes{&plan.Sizes}, "size", "bytes of a message: one size, a range, or a list with weights")
	flags.Var(length{span{&plan.Duration, time.Millisecond}, defaultBenchDuration}, "duration", "how long is measured")
	flags.Var(total{&plan.Messages}, "messages", "measure as long as so many take, instead of --duration")
	flags.Var(span{&plan.Warmup, time.Millisecond}, "warmup", "how long the load is on before it is measured")
	flags.Var(rate{&plan.ConnectRate}, "connect-rate", "connections opened a second; 0: as fast as it goes")
	flags.BoolVar(&plan.Churn, "churn", false, "a connection for each message, which ends by a half-close")
	flags.Var(addresses{&plan.Sources}, "source", "speak from these addresses in turn")
	flags.BoolVar(&plan.Verify, "verify", true, "compare every byte")
	flags.Var(seed{&plan.Seed}, "seed", "repeat the bytes of an earlier run")
	flags.Var(length{span{&plan.Timeout, time.Millisecond}, plan.Timeout}, "timeout", "the longest wait for a connection or an answer")
	flags.Var(process{count{&plan.ServerPID, 1, 1 << 22}}, "server-pid", "measure the CPU and memory of this process, too")
	flags.Var(thresholds[*load.Result]{&f.thresholds, benchMeasures}, "threshold", "what a figure must keep to; repeatable")
	flags.Var(choice{&f.format, formats}, "format", "text or json")
	flags.StringVar(&f.output, "output", "", "write the report into this file")
	flags.StringVar(&f.hdr, "hdr", "", "write the percentiles of latency into this file, as HdrHistogram does")
	f.tls.register(flags)
}

// run puts the load on, and tells what came of it even if it is interrupted.
func (f *benchFlags) run(ctx context.Context, p *Process, args []string) error {
	plan, err := f.planFor(args)
	if err != nil {
		return err
	}
	report, hdr, err := f.files()
	if err != nil {
		return err
	}
	ctx, stop := untilSignal(ctx)
	defer stop()
	live := newLiveLine(p, plan)
	result, err := load.Run(ctx, plan, live.show)
	live.clear()
	if err != nil {
		return cmp.Or(interrupted(ctx), err)
	}
	result.Echod = thisBuild().brief()
	outcome := newOutcome(result, f.thresholds)
	err = outcome.deliver(p, f.format, report)
	if hdr != nil {
		err = cmp.Or(err, hdr.write(outcome.writeHgrm))
	}
	return cmp.Or(err, interrupted(ctx), outcome.answered())
}

// files are where the report and the percentiles go, nil where none is named.
func (f *benchFlags) files() (report, hdr *outputFile, err error) {
	if f.output != "" && f.output == f.hdr {
		return nil, nil, usage.New("--output and --hdr name the same file", "give each its own")
	}
	if f.output != "" {
		if report, err = newOutputFile(f.output); err != nil {
			return nil, nil, err
		}
	}
	if f.hdr != "" {
		hdr, err = newFileOf("--hdr", f.hdr)
	}
	return report, hdr, err
}
