package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"echod/check"
)

// checkFlags are the flags of check, with their defaults.
type checkFlags struct {
	rules   []string
	skip    []string
	timeout time.Duration
	conns   int
	seed    uint64
	agent   string
	token   string
	tls     tlsFlags
	list    bool
}

func newCheck(p *Process) *cobra.Command {
	f := checkFlags{timeout: check.DefaultTimeout, conns: check.DefaultConns}
	cmd := &cobra.Command{
		Use:   "check URL",
		Short: "tell whether an echo, and the path to it, is honest",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := readVariables(cmd.Flags(), p.Getenv); err != nil {
				return err
			}
			if f.list {
				return listRules(p.Stdout)
			}
			return f.run(cmd.Context(), p, args)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.Var(globs{&f.rules}, "rule", "check this rule alone, an ID or a glob; repeatable")
	flags.Var(globs{&f.skip}, "skip", "leave this rule out, an ID or a glob; repeatable")
	flags.Var(span{&f.timeout, time.Millisecond}, "timeout", "the longest wait for anything that is due")
	flags.Var(count{&f.conns, 1, 65536}, "conns", "clients at once in stream/concurrency")
	flags.Var(seed{&f.seed}, "seed", "repeat the bytes of an earlier check")
	flags.Var(agentURL{&f.agent}, "agent", "the far-end agent, as seen through the path")
	flags.Var(token{&f.token}, "token", "what the agent asks for")
	f.tls.register(flags)
	flags.BoolVar(&f.list, "list", false, "list the rules")
	cmd.RegisterFlagCompletionFunc("rule", words(ruleIDs()))
	cmd.RegisterFlagCompletionFunc("skip", words(ruleIDs()))
	return cmd
}

func (f *checkFlags) run(ctx context.Context, p *Process, args []string) error {
	if len(args) != 1 {
		return usage(fmt.Sprintf("check takes one URL, got %d", len(args)), "as in: echod check tcp://localhost:8080")
	}
	if f.timeout == 0 {
		return usage("--timeout: nothing can come in no time", "write it as in 500ms or 5s")
	}
	target, err := check.ParseTarget(args[0])
	if err != nil {
		return err
	}
	if err := f.tls.apply(&target); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	progress := newProgress(p)
	report, err := check.Run(ctx, target, check.Options{
		Rules: f.rules, Skip: f.skip, Timeout: f.timeout, Conns: f.conns, Seed: f.seed,
		Agent: f.agent, Token: f.token, Progress: progress.done,
	})
	progress.clear()
	if report == nil {
		return err
	}
	if writeErr := report.WriteText(p.Stdout, colorful(p)); writeErr != nil {
		return writeErr
	}
	if err != nil {
		return &exitError{Unknown, errors.New("interrupted before every rule was checked")}
	}
	return answered(report.Verdict())
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

func listRules(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, r := range check.Rules() {
		fmt.Fprintf(table, "%s\t%s → %s\n", r.ID, r.Sends, r.Expects)
	}
	return table.Flush()
}

func ruleIDs() []string {
	var ids []string
	for _, r := range check.Rules() {
		ids = append(ids, r.ID)
	}
	return ids
}
