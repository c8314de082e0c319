package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"echod/internal/dial"
	"echod/internal/draw"
	"echod/internal/hist"
	"echod/internal/load"
	"echod/internal/report"
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

// planFor is the load that the flags say, to be put on the one URL in args.
// Flags that contradict each other are the caller's mistake.
func (f *benchFlags) planFor(args []string) (load.Plan, error) {
	if len(args) != 1 {
		return load.Plan{}, usage.New(fmt.Sprintf("bench takes one URL, got %d", len(args)), "as in: echod bench tcp://localhost:8080")
	}
	target, err := dial.Parse(args[0])
	if err != nil {
		return load.Plan{}, err
	}
	if target.TLS, err = f.tls.config(target.Network); err != nil {
		return load.Plan{}, err
	}
	if target.Network != "udp" && f.bounds("loss") {
		return load.Plan{}, usage.New("a threshold of loss is for udp:// targets", "as in: 'errors<1' for streams")
	}
	if pid := f.plan.ServerPID; pid > 0 && !canBeMeasured(pid) {
		return load.Plan{}, usage.New(fmt.Sprintf("--server-pid: no process %d to be seen in /proc", pid), "as in: --server-pid $(pidof echod), on Linux")
	}
	plan := f.plan
	plan.URL, plan.Target = target.String(), target
	if plan.Messages == 0 {
		plan.Duration = cmp.Or(plan.Duration, defaultBenchDuration)
	}
	for plan.Seed == 0 {
		plan.Seed = uint64(rand.Uint32()) // short enough to be typed again
	}
	return plan, plan.Check()
}

// bounds reports whether a threshold is set for that measure.
func (f *benchFlags) bounds(measure string) bool {
	for _, t := range f.thresholds {
		if t.of.name == measure {
			return true
		}
	}
	return false
}

// canBeMeasured reports whether the kernel says how a process fares: proc(5).
func canBeMeasured(pid int) bool {
	_, err := os.Stat(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil
}

// benchMeasures are the figures of a load that can have a threshold.
var benchMeasures = []measure[*load.Result]{
	latencyOf("p99.99", quantile(0.9999)), latencyOf("p99.9", quantile(0.999)), latencyOf("p99", quantile(0.99)),
	latencyOf("p90", quantile(0.9)), latencyOf("p50", quantile(0.5)),
	latencyOf("max", (*hist.Hist).Max), latencyOf("mean", (*hist.Hist).Mean),
	{"rate", ">", "1000", parseRate, answersPerSecond, draw.PerSecond.Write},
	{"errors", "<", "1", parseWhole, errorsIn, wholeText},
	{"loss", "<", "1%", parsePercent, lossIn, draw.Percentage},
}

func latencyOf(name string, of func(*hist.Hist) time.Duration) measure[*load.Result] {
	take := func(r *load.Result) float64 {
		if r.Latency.Count() == 0 {
			return math.NaN()
		}
		return of(r.Latency).Seconds()
	}
	return measure[*load.Result]{name, "<", "2ms", parseSeconds, take, draw.Seconds.Write}
}

func quantile(part float64) func(*hist.Hist) time.Duration {
	return func(h *hist.Hist) time.Duration { return h.Quantile(part) }
}

func answersPerSecond(r *load.Result) float64 { return float64(r.Messages) / r.Seconds }

func errorsIn(r *load.Result) float64 {
	var sum int64
	for _, n := range r.Errors {
		sum += n
	}
	return float64(sum)
}

func lossIn(r *load.Result) float64 {
	if r.Datagrams == nil {
		return math.NaN()
	}
	return float64(r.Datagrams.Lost) / float64(r.Datagrams.Sent)
}

// outcome is the result of a load, with the verdicts of its thresholds.
type outcome struct{ report.Run }

func newOutcome(r *load.Result, thresholds []threshold[*load.Result]) *outcome {
	return &outcome{report.Run{Result: r, Verdicts: verdicts(thresholds, r)}}
}

// deliver writes the report to standard output; or into file, and then what
// people must know of it to standard error. There it goes too if the report is
// for programs.
func (o *outcome) deliver(p *Process, format string, file *outputFile) error {
	if file != nil {
		if err := file.write(writerOfRuns([]report.Run{o.Run}, format, false)); err != nil {
			return err
		}
		fmt.Fprintln(p.Stderr, report.Line(o.Result))
	} else if err := writerOfRuns([]report.Run{o.Run}, format, colorful(p))(p.Stdout); err != nil {
		return &exitError{Unknown, fmt.Errorf("write the report: %w", err)}
	}
	if o.Result.Errors[dial.Local] > 0 {
		fmt.Fprintf(p.Stderr, "echod: hint: %s\n", hintScarce)
	}
	if file == nil && format == "text" {
		return nil
	}
	for _, warning := range report.Warnings(o.Result) {
		fmt.Fprintln(p.Stderr, warning)
	}
	return report.WriteVerdicts(p.Stderr, o.Verdicts, false)
}

// hintScarce is for what this machine could not do of a load.
const hintScarce = "local errors are this machine's: more ports by --source 127.0.0.2,127.0.0.3, more open files by ulimit -n"

// writeHgrm writes latency in milliseconds, the unit of other tools.
func (o *outcome) writeHgrm(w io.Writer) error {
	return o.Result.Latency.WriteHgrm(w, time.Millisecond)
}

// answered turns the outcome into an exit code; the report has said the rest. A
// threshold says nothing of the server where the generator was too slow.
func (o *outcome) answered() error {
	switch {
	case o.Result.Wrong != nil:
		return &exitError{code: Failed}
	case o.Result.Behind != nil:
		return &exitError{code: Unknown}
	case slices.ContainsFunc(o.Verdicts, broken):
		return &exitError{code: Failed}
	}
	return nil
}
