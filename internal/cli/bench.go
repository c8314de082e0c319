package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"echod/internal/dial"
	"echod/internal/draw"
	"echod/internal/hist"
	"echod/internal/load"
	"echod/internal/report"
	"echod/internal/usage"
)

// benchFlags are the flags of bench. What is 0 in the plan and has a default gets it in
// planFor, which must know what was given.
type benchFlags struct {
	plan       load.Plan
	thresholds []threshold[*load.Result]
	find       findFlags
	workers    workersFlags
	family     familyFlags
	socket     socketFlags
	tls        tlsFlags
	output     outputFlags
	hdr        string

	percentiles []float64
}

const defaultBenchDuration = 10 * time.Second

func newBenchFlags() *benchFlags {
	return &benchFlags{output: newOutputFlags(resultFormats...), find: findFlags{max: load.MaxRate, precision: defaultPrecision}, plan: load.Plan{
		Conns: 50, Depth: 1, Sizes: mustParseSizes("64"), Timeout: 5 * time.Second, Threads: 1, Spin: load.DefaultSpin, Verify: true,
	}}
}

func newBench(p *Process) *cobra.Command {
	f := newBenchFlags()
	cmd := &cobra.Command{
		Use:               "bench URL",
		Short:             "put load on an echo, and measure its throughput and latency",
		ValidArgsFunction: completeURL,
		Args:              oneURL,
		RunE: func(cmd *cobra.Command, args []string) error {
			plan, err := f.planFor(args[0])
			if err != nil {
				return err
			}
			report, err := f.output.open(cmd.Flags())
			if err != nil {
				return err
			}
			return f.run(cmd.Context(), p, plan, report)
		},
	}
	f.register(cmd, p)
	cmd.AddCommand(newBenchWorker(p))
	return cmd
}

// mustParseSizes parses a constant.
func mustParseSizes(text string) load.Sizes {
	parsed, err := load.ParseSizes(text)
	if err != nil {
		panic(err)
	}
	return parsed
}

func (f *benchFlags) register(cmd *cobra.Command, p *Process) {
	flags, plan := cmd.Flags(), &f.plan
	flags.SortFlags = false
	flags.VarP(number(&plan.Conns, 1, load.MaxConns), "conns", "c", "connections, or sockets for udp")
	flags.VarP(schedule(&plan.Rate), "rate", "r", "messages per second, on a schedule; 0: as fast as replies arrive")
	flags.VarP(durations{low: time.Millisecond, unset: draw.Brief(defaultBenchDuration)}.value(&plan.Duration), "duration", "d", "how long to measure")
	flags.VarP(number(&plan.Messages, 1, load.MaxMessages), "messages", "n", "send exactly this many messages, in place of --duration")
	flags.VarP(sizes(&plan.Sizes), "size", "s", "bytes of a message: a size, a range, or a list with weights")
	flags.Var(number(&plan.Depth, 1, load.MaxDepth), "depth", "messages in flight on each connection, without --rate")
	flags.Var(durationOrZero(&plan.Warmup, time.Millisecond), "warmup", "how long to send before measuring")
	flags.Var(rate(&plan.ConnectRate), "connect-rate", "connections to open per second; 0: no limit")
	flags.BoolVar(&plan.Churn, "churn", false, "open a connection for each message")
	flags.VarP(seconds(&plan.Timeout, time.Millisecond), "timeout", "W", "how long to wait for a connection or a reply")
	flags.Var(number(&plan.Threads, 1, load.MaxThreads), "threads", "threads of the generator, which share the connections and the rate")
	flags.BoolVar(&plan.GSO, "gso", false, "send the datagrams in flight on a socket as trains (Linux)")
	flags.Var(durationOrZero(&plan.Spin, time.Microsecond), "spin", "with --rate, how long before a message is due not to sleep")
	flags.BoolVar(&plan.AllAddresses, "all-addresses", false, "spread the connections over all addresses of the name")
	f.family.register(flags)
	flags.Var(newAddresses(&plan.Sources), "source", "connect from these addresses in turn")
	f.socket.register(flags)
	flags.Var(seed(&plan.Seed), "seed", "send the same bytes as an earlier run")
	flags.BoolVar(&plan.Verify, "verify", true, "compare every byte")
	flags.Var(thresholds(&f.thresholds, benchMeasures, percentileOf), "threshold", "a limit for a figure, e.g. p99<2ms; repeatable")
	flags.Var(percentiles(&f.percentiles), "percentiles", "the percentiles of latency in the report")
	flags.Var(number(&plan.ServerPID, 1, 1<<22), "server-pid", "also measure CPU and memory of this process")
	f.find.register(cmd)
	f.workers.register(cmd)
	f.output.register(cmd)
	flags.StringVar(&f.hdr, "hdr", "", "also write the latency to this file (HdrHistogram)")
	flags.BoolVarP(&p.quiet, "quiet", "q", false, "print no progress, only the report")
	f.tls.register(flags)
}

// run measures, and reports the result even if it is interrupted.
func (f *benchFlags) run(ctx context.Context, p *Process, plan load.Plan, file *outputFile) error {
	hdr, err := f.openHdr()
	if err != nil {
		return err
	}
	if ctx, err = f.family.apply(ctx, plan.Target.Address); err != nil {
		return err
	}
	ctx, stop := untilSignal(ctx)
	defer stop()
	keepProcessorIdle(p, max(1, plan.Threads))
	if len(f.find.limits) > 0 {
		return f.findRate(ctx, p, plan, file)
	}
	carry := alone(plan)
	if f.workers.given() {
		carry = f.workers.together(f, plan)
	}
	result, err := runShown(ctx, p, plan, carry)
	if result == nil || err != nil && result.Seconds == 0 && f.output.format == "text" { // nothing was measured
		return cmp.Or(interrupted(ctx), err)
	}
	result.Echod = thisBuild().brief()
	run := report.Run{Result: result, Verdicts: verdicts(f.thresholds, result), Percentiles: f.percentiles}
	err = cmp.Or(deliverRun(p, run, f.output.format, file), err)
	if hdr != nil && result.Seconds > 0 {
		format := "hgrm"
		if strings.HasSuffix(f.hdr, ".hlog") {
			format = "hlog"
		}
		err = cmp.Or(err, hdr.write(func(w io.Writer) error { return writeRuns(w, []report.Run{run}, format, false) }))
	}
	return cmp.Or(err, interrupted(ctx), benchError(run))
}

// carrier carries out a plan, and shows its progress: how many workers run, of how many, if there are
// some.
type carrier func(ctx context.Context, show func(now load.Progress, running, workers int)) (*load.Result, error)

// alone carries out plan on this machine.
func alone(plan load.Plan) carrier {
	return func(ctx context.Context, show func(load.Progress, int, int)) (*load.Result, error) {
		return load.Run(ctx, plan, func(now load.Progress) { show(now, 0, 0) })
	}
}

// runShown carries out plan, and shows it on a terminal meanwhile, or at SIGQUIT.
func runShown(ctx context.Context, p *Process, plan load.Plan, carry carrier) (*load.Result, error) {
	var mu sync.Mutex // of both
	status, screen := newStatus(p), report.NewScreen(plan)
	defer status.clear()
	status.show(screen.Lines)
	defer onQuit(func() {
		mu.Lock()
		defer mu.Unlock()
		status.aside(func() { p.writeInterim(screen.Line() + "\n") })
	})()
	return carry(ctx, func(now load.Progress, running, workers int) {
		mu.Lock()
		defer mu.Unlock()
		screen.Add(now)
		if workers > 0 {
			screen.Workers(running, workers)
		}
		status.show(screen.Lines)
	})
}

func (f *benchFlags) openHdr() (*outputFile, error) {
	if f.hdr == "" {
		return nil, nil
	}
	if f.output.path == f.hdr {
		return nil, usage.New("--output and --hdr name the same file", "want two files")
	}
	return newOutputFile("--hdr", f.hdr)
}

// planFor returns the load that the flags describe. Flags that contradict each other are
// an error.
func (f *benchFlags) planFor(url string) (load.Plan, error) {
	target, err := dial.Parse(url)
	if err != nil {
		return load.Plan{}, err
	}
	if target.TLS, err = f.tls.config(target.Network); err != nil {
		return load.Plan{}, err
	}
	for flag, limits := range map[string][]threshold[*load.Result]{"--threshold": f.thresholds, "--find": f.find.limits} {
		if target.Network != "udp" && limited(limits, "loss") {
			return load.Plan{}, usage.New(flag+": loss is for udp:// targets", "want failed for streams, e.g. 'failed<1'")
		}
	}
	if pid := f.plan.ServerPID; pid > 0 && !canBeMeasured(pid) {
		return load.Plan{}, usage.New(fmt.Sprintf("--server-pid: no process %d in /proc", pid), "want a process on this machine (Linux only), e.g. $(pidof echod)")
	}
	if err := cmp.Or(f.find.check(f), f.workers.check(f)); err != nil {
		return load.Plan{}, err
	}
	plan := f.plan
	if err := f.setSocket(&plan, target.Network); err != nil {
		return load.Plan{}, err
	}
	plan.URL, plan.Target = target.String(), target
	if plan.Threads == 1 {
		plan.Threads = 0 // a result says only what is not usual
	}
	if plan.Messages == 0 {
		plan.Duration = cmp.Or(plan.Duration, plan.Rate.Duration(), defaultBenchDuration)
	}
	for plan.Seed == 0 {
		plan.Seed = uint64(rand.Uint32()) // short enough to type
	}
	return plan, plan.Check()
}

// setSocket adds the options of sockets to a plan.
func (f *benchFlags) setSocket(plan *load.Plan, network string) error {
	var source netip.Addr // any of --source
	if len(plan.Sources) > 0 {
		source = plan.Sources[0]
	}
	socket, source, err := f.socket.options(source, network)
	if plan.Socket = socket; len(plan.Sources) == 0 && source.IsValid() {
		plan.Sources = []netip.Addr{source}
	}
	return err
}

// limited reports whether there is a limit for one of these figures.
func limited(limits []threshold[*load.Result], figures ...string) bool {
	return slices.ContainsFunc(limits, func(t threshold[*load.Result]) bool { return slices.Contains(figures, t.of.name) })
}

// canBeMeasured reports whether /proc has the CPU and memory of a process: proc(5).
func canBeMeasured(pid int) bool {
	_, err := os.Stat(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil
}

// benchMeasures are the figures of a load that can have a threshold.
var benchMeasures = []measure[*load.Result]{
	latencyOf("p99.99", quantile(0.9999)), latencyOf("p99.9", quantile(0.999)), latencyOf("p99", quantile(0.99)),
	latencyOf("p95", quantile(0.95)), latencyOf("p90", quantile(0.9)), latencyOf("p50", quantile(0.5)),
	latencyOf("max", (*hist.Hist).Max), latencyOf("mean", (*hist.Hist).Mean),
	{"rate", ">", "1000", parseRate, answersPerSecond, draw.PerSecond.Write},
	{"failed", "<", "1", parseWhole, failedIn, wholeText},
	{"success_ratio", ">", "99.9%", parsePercent, ratio(report.SuccessRatio), draw.Percentage},
	{"loss", "<", "1%", parsePercent, ratio(report.LossRatio), draw.Percentage},
	{"connects_failed", "<", "1", parseWhole, connectsFailedIn, wholeText},
}

func latencyOf(name string, of func(*hist.Hist) time.Duration) measure[*load.Result] {
	figure := func(r *load.Result) float64 {
		if r.Latency.Count() == 0 {
			return math.NaN()
		}
		return of(r.Latency).Seconds()
	}
	return measure[*load.Result]{name, "<", "2ms", parseSeconds, figure, draw.Seconds.Write}
}

// percentileOf returns the measure of any percentile, e.g. p97.5.
func percentileOf(name string) (measure[*load.Result], bool) {
	digits, found := strings.CutPrefix(name, "p")
	percent, err := parsePercentile(digits)
	return latencyOf(name, quantile(percent/100)), found && err == nil
}

func quantile(part float64) func(*hist.Hist) time.Duration {
	return func(h *hist.Hist) time.Duration { return h.Quantile(part) }
}

func answersPerSecond(r *load.Result) float64 { return float64(r.AnsweredInTime) / r.Seconds }
func failedIn(r *load.Result) float64         { return float64(r.Failed.Total()) }
func connectsFailedIn(r *load.Result) float64 { return float64(r.ConnectsFailed.Total()) }

// ratio returns NaN for a ratio that is not known.
func ratio(of func(*load.Result) (float64, bool)) func(*load.Result) float64 {
	return func(r *load.Result) float64 {
		if part, ok := of(r); ok {
			return part
		}
		return math.NaN()
	}
}

// deliverRun writes the report to file, or to standard output. What people must see and
// the report does not show them goes to standard error.
func deliverRun(p *Process, run report.Run, format string, file *outputFile) error {
	err := p.writeReport(file, func(w io.Writer, color bool) error { return writeRuns(w, []report.Run{run}, format, color) })
	if err != nil {
		return err
	}
	if file != nil && !p.quiet {
		writeLine(p.Stderr, report.Line(run.Result))
	}
	if r := run.Result; r.ConnectsFailed[dial.Local] > 0 || r.Failed[dial.Local] > 0 && r.Behind == nil {
		writeHint(p.Stderr, hintLocal)
	}
	if file == nil && format == "text" {
		return nil
	}
	for _, warning := range report.Warnings(run.Result) {
		writeLine(p.Stderr, warning)
	}
	return report.WriteVerdicts(p.Stderr, run.Verdicts, false)
}

// benchError turns a result into an exit code; the report has said the rest. A
// threshold says nothing about the server if the generator was too slow.
func benchError(run report.Run) error {
	switch {
	case run.Result.Wrong != nil:
		return &exitError{code: Failed}
	case run.Result.Behind != nil:
		return &exitError{code: Unknown}
	case slices.ContainsFunc(run.Verdicts, broken):
		return &exitError{code: Failed}
	}
	return nil
}
