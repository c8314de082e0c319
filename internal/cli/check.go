package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"echod/check"
	"echod/internal/draw"
	"echod/internal/report"
	"echod/internal/trace"
	"echod/internal/usage"
)

// checkFlags are the flags of check, with their defaults.
type checkFlags struct {
	options     check.Options
	bulk        amount
	direct      string
	directAgent string
	family      familyFlags
	source      netip.Addr
	socket      socketFlags
	eachAddress bool
	tls         tlsFlags
	trace       traceFlags
	output      outputFlags
	verbose     bool
	list        bool
}

func newCheck(p *Process) *cobra.Command {
	f := checkFlags{output: newOutputFlags("text", "json", "html", "junit", "tap"), options: check.Options{
		Timeout: check.DefaultTimeout, Conns: check.DefaultConns,
		IdleMax: check.DefaultIdleMax,
	}, bulk: amount{bytes: check.DefaultBulk}}
	cmd := &cobra.Command{
		Use:               "check URL",
		Short:             "check whether an echo, and the path to it, is honest",
		ValidArgsFunction: completeURL,
		RunE: func(cmd *cobra.Command, args []string) error {
			file, err := f.output.open(cmd.Flags())
			if err != nil {
				return err
			}
			if f.list {
				return f.listRules(p, file)
			}
			if err := oneURL(cmd, args); err != nil {
				return err
			}
			recorder, stopTrace, err := f.trace.open(cmd.Flags(), nil, trace.Header{Program: "echod check", Side: trace.Client}, func(err error) {
				writeLine(p.Stderr, "echod: --trace-file: the trace is not complete: "+err.Error())
			})
			if err != nil {
				return err
			}
			defer stopTrace()
			f.options.Trace = recorder
			return f.run(cmd.Context(), p, args[0], file)
		},
	}
	f.register(cmd, p)
	return cmd
}

func (f *checkFlags) register(cmd *cobra.Command, p *Process) {
	flags, o := cmd.Flags(), &f.options
	flags.SortFlags = false
	flags.Var(globs(&o.Rules), "rule", "run only this rule, an ID or a pattern; repeatable")
	flags.Var(globs(&o.Skip), "skip", "omit this rule, an ID or a pattern; repeatable")
	flags.BoolVar(&f.list, "list", false, "list the rules and exit")
	flags.BoolVar(&o.Long, "long", false, "also run rules that take minutes")
	flags.BoolVar(&o.Unsafe, "unsafe", false, "also run rules that may look like an attack")
	flags.BoolVar(&o.Anyway, "anyway", false, "run the rules also if the target is not an echo")
	flags.Var(serviceURL(&o.Closed, "tcp", "tls", "unix"), "closed", "a port behind the path where nothing listens")
	flags.Var(serviceURL(&f.direct), "direct", "the server without the path, to find out which is at fault")
	flags.Var(serviceURL(&o.Agent, "tcp", "tls"), "agent", "the remote agent, through the path")
	flags.Var(serviceURL(&o.AgentUDP, "udp"), "agent-udp", "the UDP port of the agent, through the path")
	flags.Var(serviceURL(&f.directAgent, "tcp", "tls"), "direct-agent", "the agent without the path, for --direct")
	flags.Var(token(&o.Token), "token", "the token of the agent")
	flags.VarP(seconds(&o.Timeout, time.Millisecond), "timeout", "W", "how long to wait for a connection or a reply")
	f.family.register(flags)
	flags.Var(address(&f.source), "source", "connect from this address")
	f.socket.register(flags)
	flags.BoolVar(&f.eachAddress, "all-addresses", false, "check each address of the name in turn")
	flags.Var(seed(&o.Seed), "seed", "send the same bytes as an earlier check")
	flags.Var(number(&o.Conns, 1, 65536), "conns", "connections at once in stream/concurrency")
	flags.Var(sizeOrDuration(&f.bulk, check.MaxBulk), "bulk", "how much, or for how long, to send in stream/bulk")
	flags.Var(durations{low: time.Millisecond, unset: draw.Brief(check.DefaultStall)}.value(&o.Stall), "stall", "how long stream/zero-window does not read")
	flags.Var(durationOrZero(&o.IdleMax, time.Second), "idle-max", "the longest idle time to try")
	flags.Var(durations{low: time.Second, unset: draw.Brief(check.DefaultBudget)}.value(&o.Budget), "budget", "how long the whole check may take")
	flags.BoolVar(&o.Strict, "strict", false, "fail rules that pass only when they run again")
	flags.Var(number(&o.Parallel, 1, 1024), "parallel", "rules to run at once")
	f.trace.register(cmd, false)
	f.output.register(cmd)
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "print a line for each rule")
	flags.BoolVarP(&p.quiet, "quiet", "q", false, "print only the last line, the verdict")
	f.tls.register(flags)
}

// run checks, and reports what it found even if it is interrupted.
func (f *checkFlags) run(ctx context.Context, p *Process, url string, file *outputFile) error {
	f.options.Bulk, f.options.BulkTime = f.bulk.bytes, f.bulk.time
	path, direct, err := f.targets(url)
	if err != nil {
		return err
	}
	addresses := []string{path.Address, hostPort(f.options.Agent), hostPort(f.options.AgentUDP), hostPort(f.directAgent), hostPort(f.options.Closed)}
	if direct != nil {
		addresses = append(addresses, direct.Address)
	}
	if ctx, err = f.family.apply(ctx, addresses...); err != nil {
		return err
	}
	ctx, stop := untilSignal(ctx)
	defer stop()
	found, err := f.find(ctx, p, path, direct)
	if found == nil {
		return cmp.Or(interrupted(ctx), err)
	}
	write := func(w io.Writer, color bool) error { return f.writeFinding(w, found, color) }
	if p.quiet && f.output.format == "text" && file == nil {
		write = func(w io.Writer, _ bool) error { return writeLine(w, found.Summary()) }
	}
	if err := p.writeReport(file, write); err != nil {
		return err
	}
	if file != nil && !p.quiet {
		writeLine(p.Stderr, found.Summary())
	}
	return cmp.Or(interrupted(ctx), err, verdictError(found.Verdict()))
}

// hostPort is the host:port in a URL that a flag has read already, "" if there is none.
func hostPort(url string) string {
	target, _ := check.ParseTarget(url)
	return target.Address
}

// network is the network of a URL that a flag has read already, "" if there is none.
func network(url string) string {
	target, _ := check.ParseTarget(url)
	return target.Network
}

// targets returns what to check, and what to compare it with, nil if nothing.
func (f *checkFlags) targets(url string) (path check.Target, direct *check.Target, err error) {
	if f.options.AgentUDP != "" && f.options.Agent == "" {
		return path, nil, usage.New("--agent-udp is for --agent", "add --agent URL")
	}
	if path, err = check.ParseTarget(url); err != nil {
		return path, nil, err
	}
	if path.Socket, path.Source, err = f.socket.options(f.source, path.Network); err != nil {
		return path, nil, err
	}
	if f.eachAddress && f.direct != "" {
		return path, nil, usage.New("--all-addresses and --direct exclude each other", "omit one of them")
	}
	if f.direct == "" {
		if f.directAgent != "" {
			return path, nil, usage.New("--direct-agent is for --direct", "add --direct URL, or use --agent alone")
		}
		path.TLS, err = f.tls.config(path.Network, network(f.options.Agent))
		return path, nil, err
	}
	other, err := check.ParseTarget(f.direct)
	if err != nil {
		return path, nil, err
	}
	if err := check.Comparable(path, other); err != nil {
		return path, nil, err
	}
	path.TLS, err = f.tls.config(path.Network, other.Network, network(f.options.Agent), network(f.directAgent))
	other.TLS, other.Socket, other.Source = path.TLS, path.Socket, path.Source
	return path, &other, err
}

// find runs the rules through the path and, with --direct, then directly with the same
// bytes. It does not run both at once: the load through the path could make the server
// fail directly, too.
func (f *checkFlags) find(ctx context.Context, p *Process, path check.Target, direct *check.Target) (finding, error) {
	if f.eachAddress {
		return f.findEach(ctx, p, path)
	}
	if direct == nil {
		report, err := f.runRules(ctx, newProgress(p, "at "+path.String()), path, f.options)
		if report == nil {
			return nil, err
		}
		return report, nil
	}
	comparison, err := f.identifyBoth(ctx, p, path, *direct)
	if err != nil {
		return nil, err
	}
	if comparison.NotEcho != nil {
		return comparison, nil
	}
	through, err := f.runRules(ctx, newProgress(p, "through "+path.String()), path, f.options)
	if through == nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return through, nil
	}
	options := f.options
	options.Seed, options.Agent, options.AgentUDP = through.Seed(), f.directAgent, ""
	options.Closed = "" // that port is behind the path
	progress := newProgress(p, "directly at "+direct.String())
	progress.path = through
	directly, err := f.runRules(ctx, progress, *direct, options)
	if directly == nil {
		return through, err
	}
	return check.Compare(through, directly), nil
}

// findEach runs the rules on each address of the name in turn, with the same bytes. An
// address that cannot be reached is a part of the result.
func (f *checkFlags) findEach(ctx context.Context, p *Process, name check.Target) (finding, error) {
	targets, err := check.AddressesOf(ctx, name)
	if err != nil {
		return nil, err
	}
	var all check.AddressReports
	options := f.options
	for _, target := range targets {
		report, err := f.runRules(ctx, newProgress(p, "at "+target.String()), target, options)
		if report != nil {
			options.Seed = report.Seed()
		} else if _, ok := errors.AsType[*check.UnreachableError](err); !ok {
			return nil, err
		}
		all = append(all, check.AddressReport{Target: target, Report: report, Err: err})
		if ctx.Err() != nil {
			break
		}
	}
	return all, nil
}

// identifyBoth finds out whether both are an echo, before any rule runs. The comparison
// has no rules.
func (f *checkFlags) identifyBoth(ctx context.Context, p *Process, path, direct check.Target) (*check.Comparison, error) {
	progress := newProgress(p, "")
	defer progress.clear()
	progress.write("connecting to " + path.String())
	through, errPath := check.Identify(ctx, path, f.options)
	options := f.options
	if through != nil {
		options.Seed = through.Seed()
	}
	progress.write("connecting to " + direct.String())
	directly, errDirect := check.Identify(ctx, direct, options)
	switch {
	case errPath != nil && errDirect == nil:
		return nil, fmt.Errorf("%w; directly, %s can be reached", errPath, direct)
	case errPath != nil:
		return nil, fmt.Errorf("%w; directly: %w", errPath, errDirect)
	case errDirect != nil:
		return nil, errDirect
	}
	through.Echod, directly.Echod = thisBuild().String(), thisBuild().String()
	return check.Compare(through, directly), nil
}

// runRules runs the rules on one target and shows the progress. There is no report if the target cannot be reached. A report of an interrupted
// check is not an error.
func (f *checkFlags) runRules(ctx context.Context, progress *progress, target check.Target, o check.Options) (*check.Report, error) {
	defer progress.clear()
	progress.write("connecting to " + target.String())
	o.Progress = progress.showResult
	stop := progress.everySecond()
	report, err := check.Run(ctx, target, o)
	stop()
	if report == nil {
		return nil, err
	}
	report.Echod = thisBuild().String()
	return report, nil
}

// finding is the report of a check, or a comparison of two.
type finding interface {
	check.Checked
	WriteJSON(io.Writer) error
	WriteJUnit(io.Writer) error
	WriteTAP(io.Writer) error
}

func (f *checkFlags) writeFinding(w io.Writer, found finding, color bool) error {
	switch {
	case f.output.format == "json":
		return found.WriteJSON(w)
	case f.output.format == "html":
		return report.WriteCheckHTML(w, []report.Check{{Checked: found}})
	case f.output.format == "junit":
		return found.WriteJUnit(w)
	case f.output.format == "tap":
		return found.WriteTAP(w)
	}
	return found.WriteStyled(w, textStyle(w, color, !f.verbose))
}

// textStyle is the style of a report on w, which a terminal limits to its width.
func textStyle(w io.Writer, color, brief bool) check.TextStyle {
	style := check.TextStyle{Color: color, Brief: brief}
	if isTerminal(w) {
		style.Width = min(terminalSize(w).columns, maxWidth)
	}
	return style
}

// maxWidth is how wide a report is on a terminal that is wider: longer lines are hard to read.
const maxWidth = 100

func writeLine(w io.Writer, line string) error {
	_, err := fmt.Fprintln(w, line)
	return err
}

// verdictError turns a verdict into an exit code; the report has said the rest.
func verdictError(v check.Verdict) error {
	switch v {
	case check.Pass:
		return nil
	case check.Fail:
		return &exitError{code: Failed}
	default:
		return &exitError{code: Unknown}
	}
}

// amount is how much to do: a number of bytes or, if it is not 0, for how long.
type amount struct {
	bytes int64
	time  time.Duration
}

// sizeOrDuration is a number of bytes from 1 to high, or at least a second.
func sizeOrDuration(a *amount, high int64) pflag.Value {
	return &value[amount]{p: a, kind: "size", parse: func(text string) (amount, error) {
		if _, err := time.ParseDuration(text); err == nil && text != "0" {
			d, err := durations{low: time.Second}.parse(text)
			return amount{time: d}, err
		}
		n, err := parseSize(text)
		switch {
		case err == nil && (n < 1 || n > high):
			return amount{}, fmt.Errorf("want a size from 1 to %s, or a duration", sizeText(high))
		case err != nil && likelySize(text) == "":
			return amount{}, errors.New("want a size, e.g. 64MiB, or a duration, e.g. 30s")
		}
		return amount{bytes: n}, err
	}, text: func(a amount) string {
		if a.time > 0 {
			return draw.Brief(a.time)
		}
		return sizeText(a.bytes)
	}}
}
