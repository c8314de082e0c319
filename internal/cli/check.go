package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"echod/check"
	"echod/internal/usage"
)

// checkFlags are the flags of check, with their defaults.
type checkFlags struct {
	options     check.Options
	direct      string
	directAgent string
	tls         tlsFlags
	format      string
	output      string
	list        bool
}

func newCheck(p *Process) *cobra.Command {
	f := checkFlags{format: "text", options: check.Options{
		Timeout: check.DefaultTimeout, Conns: check.DefaultConns,
		Bulk: check.DefaultBulk, IdleMax: check.DefaultIdleMax,
	}}
	cmd := &cobra.Command{
		Use:   "check URL",
		Short: "check whether an echo, and the path to it, is honest",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := readVariables(cmd.Flags(), p.Getenv); err != nil {
				return err
			}
			f.format = formatFor(cmd.Flags(), p.Getenv, reportFormats)
			if f.list {
				return listRules(p.Stdout, f.format)
			}
			return f.run(cmd.Context(), p, args)
		},
	}
	f.register(cmd.Flags())
	cmd.RegisterFlagCompletionFunc("rule", words(ruleIDs()))
	cmd.RegisterFlagCompletionFunc("skip", words(ruleIDs()))
	cmd.RegisterFlagCompletionFunc("format", words(reportFormats))
	return cmd
}

func (f *checkFlags) register(flags *pflag.FlagSet) {
	o := &f.options
	flags.SortFlags = false
	flags.Var(globs{&o.Rules}, "rule", "check this rule alone, an ID or a glob; repeatable")
	flags.Var(globs{&o.Skip}, "skip", "leave this rule out, an ID or a glob; repeatable")
	flags.BoolVar(&f.list, "list", false, "list the rules")
	flags.Var(targetURL{url: &f.direct}, "direct", "the server without the path, to find out who is at fault")
	flags.Var(choice{&f.format, reportFormats}, "format", "text, json, junit or tap")
	flags.StringVar(&f.output, "output", "", "write the report into this file")
	flags.Var(span{&o.Timeout, time.Millisecond}, "timeout", "the longest wait for anything that is due")
	flags.Var(seed{&o.Seed}, "seed", "repeat the bytes of an earlier check")
	flags.Var(count{&o.Conns, 1, 65536}, "conns", "clients at once in stream/concurrency")
	flags.Var(size{&o.Bulk, 1, 1 << 40}, "bulk", "bytes to send in stream/bulk")
	flags.Var(stall{span{&o.Stall, time.Millisecond}}, "stall", "how long stream/zero-window does not read")
	flags.Var(span{&o.IdleMax, time.Second}, "idle-max", "the longest silence that is tried")
	flags.Var(parallel{count{&o.Parallel, 1, 1024}}, "parallel", "rules side by side")
	flags.BoolVar(&o.Long, "long", false, "also check what takes minutes")
	flags.BoolVar(&o.Unsafe, "unsafe", false, "also do what may be taken for an attack")
	flags.Var(targetURL{&o.Closed, []string{"tcp", "tls", "unix"}}, "closed", "a port behind the path where nobody listens")
	flags.Var(targetURL{&o.Agent, []string{"tcp"}}, "agent", "the far-end agent, as seen through the path")
	flags.Var(targetURL{&o.AgentUDP, []string{"udp"}}, "agent-udp", "its UDP port, where that is another")
	flags.Var(targetURL{&f.directAgent, []string{"tcp"}}, "direct-agent", "the agent without the path, for --direct")
	flags.Var(token{&o.Token}, "token", "the token of the agent")
	f.tls.register(flags)
}

// run checks, and tells what it found even if it is interrupted.
func (f *checkFlags) run(ctx context.Context, p *Process, args []string) error {
	path, direct, err := f.targets(args)
	if err != nil {
		return err
	}
	var file *outputFile
	if f.output != "" {
		if file, err = newOutputFile(f.output); err != nil {
			return err
		}
	}
	ctx, stop := untilSignal(ctx)
	defer stop()
	found, err := f.find(ctx, p, path, direct)
	if found == nil {
		return cmp.Or(interrupted(ctx), err)
	}
	if err := deliver(p, found, f.format, file); err != nil {
		return err
	}
	return cmp.Or(interrupted(ctx), err, answered(found.Verdict()))
}

// targets are what to check, and what to compare it with, nil if nothing.
func (f *checkFlags) targets(args []string) (path check.Target, direct *check.Target, err error) {
	if len(args) != 1 {
		return path, nil, usage.New(fmt.Sprintf("check takes one URL, got %d", len(args)), "as in: echod check tcp://localhost:8080")
	}
	if f.options.AgentUDP != "" && f.options.Agent == "" {
		return path, nil, usage.New("--agent-udp is for --agent", "give --agent URL, too")
	}
	if f.options.Timeout == 0 {
		return path, nil, usage.New("--timeout: nothing can come in no time", "write it as in 500ms or 5s")
	}
	if path, err = check.ParseTarget(args[0]); err != nil {
		return path, nil, err
	}
	if f.direct == "" {
		if f.directAgent != "" {
			return path, nil, usage.New("--direct-agent is for --direct", "give --direct URL, too, or --agent alone")
		}
		path.TLS, err = f.tls.config(path.Network)
		return path, nil, err
	}
	other, err := check.ParseTarget(f.direct)
	if err != nil {
		return path, nil, err
	}
	if err := check.Comparable(path, other); err != nil {
		return path, nil, err
	}
	path.TLS, err = f.tls.config(path.Network, other.Network)
	other.TLS = path.TLS
	return path, &other, err
}

// find runs the rules through the path and, where there is a direct way, on
// that, too, with the same bytes. One after the other: side by side, what the
// path does to the server would be taken for the server's own.
func (f *checkFlags) find(ctx context.Context, p *Process, path check.Target, direct *check.Target) (finding, error) {
	if direct == nil {
		report, err := f.ask(ctx, p, path, f.options, "at")
		if report == nil {
			return nil, err
		}
		return report, nil
	}
	if err := f.reachBoth(ctx, path, *direct); err != nil {
		return nil, err
	}
	through, err := f.ask(ctx, p, path, f.options, "through")
	if through == nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return through, nil
	}
	options := f.options
	options.Seed, options.Agent, options.AgentUDP = through.Seed(), f.directAgent, ""
	options.Closed = "" // it is behind the path, and has no server to be asked directly
	straight, err := f.ask(ctx, p, *direct, options, "directly at")
	if straight == nil {
		return through, err
	}
	return check.Compare(through, straight), nil
}

// reachBoth asks whether there is anybody at both ends before the rules take
// their time.
func (f *checkFlags) reachBoth(ctx context.Context, path, direct check.Target) error {
	errPath := check.Reach(ctx, path, f.options)
	errDirect := check.Reach(ctx, direct, f.options)
	switch {
	case errPath != nil && errDirect == nil:
		return fmt.Errorf("%w; directly, %s answers", errPath, direct)
	case errPath != nil:
		return fmt.Errorf("%w; nor can the server directly: %w", errPath, errDirect)
	}
	return errDirect
}

// ask runs the rules on one target and shows a person how far it is; way tells
// which of two it is. There is no report if there was nobody to ask; one that
// was interrupted is no error.
func (f *checkFlags) ask(ctx context.Context, p *Process, target check.Target, o check.Options, way string) (*check.Report, error) {
	progress := newProgress(p, way+" "+target.String())
	defer progress.clear()
	o.Progress = progress.tell
	report, err := check.Run(ctx, target, o)
	if report == nil {
		return nil, err
	}
	report.Echod = thisBuild().String()
	return report, nil
}

// ruleRow is what there is to say about one rule.
type ruleRow struct {
	ID       string   `json:"id"`
	Networks []string `json:"networks"`
	Sends    string   `json:"sends"`
	Expects  string   `json:"expects"`
	Meaning  string   `json:"meaning"`
	Needs    []string `json:"needs,omitempty"` // flags without which it is skipped
}

// listRules writes all rules, as text or JSON.
func listRules(w io.Writer, format string) error {
	var rows []ruleRow
	for _, r := range check.Rules() {
		rows = append(rows, ruleRow{r.ID, r.Networks, r.Sends, r.Expects, r.Meaning, r.Needs})
	}
	switch format {
	case "json":
		return writeJSON(w, rows)
	case "text":
		return writeRules(w, rows)
	}
	return usage.New("--list cannot be written as "+format, "write text or json")
}

func writeRules(w io.Writer, rows []ruleRow) error {
	var b strings.Builder
	for i, row := range rows {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s  (%s)\n", row.ID, strings.Join(row.Networks, ", "))
		fmt.Fprintf(&b, "  sends    %s\n  expects  %s\n  means    %s\n", row.Sends, row.Expects, row.Meaning)
		if len(row.Needs) > 0 {
			fmt.Fprintf(&b, "  needs    %s\n", strings.Join(row.Needs, ", "))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func ruleIDs() []string {
	var ids []string
	for _, r := range check.Rules() {
		ids = append(ids, r.ID)
	}
	return ids
}

// finding is what a check comes to: a report, or a comparison of two.
type finding interface {
	Verdict() check.Verdict
	Summary() string
	WriteText(w io.Writer, color bool) error
	WriteJSON(io.Writer) error
	WriteJUnit(io.Writer) error
	WriteTAP(io.Writer) error
}

// reportFormats are how a finding can be written.
var reportFormats = []string{"text", "json", "junit", "tap"}

// writerOf is what writes found in one of reportFormats.
func writerOf(found finding, format string, color bool) func(io.Writer) error {
	switch format {
	case "json":
		return found.WriteJSON
	case "junit":
		return found.WriteJUnit
	case "tap":
		return found.WriteTAP
	}
	return func(w io.Writer) error { return found.WriteText(w, color) }
}

// deliver writes found to standard output; or into file, and then what it comes
// to in one line to standard error.
func deliver(p *Process, found finding, format string, file *outputFile) error {
	if file == nil {
		if err := writerOf(found, format, colorful(p))(p.Stdout); err != nil {
			return &exitError{Unknown, fmt.Errorf("write the report: %w", err)}
		}
		return nil
	}
	if err := file.write(writerOf(found, format, false)); err != nil {
		return err
	}
	_, err := fmt.Fprintln(p.Stderr, found.Summary())
	return err
}

// answered turns a verdict into an exit code; the report has said the rest.
func answered(v check.Verdict) error {
	switch v {
	case check.Pass:
		return nil
	case check.Fail:
		return &exitError{code: Failed}
	default:
		return &exitError{code: Unknown}
	}
}
