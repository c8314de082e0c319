package cli

import (
	"cmp"
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"echod/internal/engines"
	"echod/internal/selftest"
)

func newSelftest(p *Process) *cobra.Command {
	format := "text"
	var o selftest.Options
	cmd := &cobra.Command{
		Use:   "selftest",
		Short: "check every engine that works here by every rule",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := readVariables(cmd.Flags(), p.Getenv); err != nil {
				return err
			}
			return runSelftest(cmd.Context(), p, o, format)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.Var(globs{&o.Rules}, "rule", "test by this rule alone, an ID or a glob; repeatable")
	flags.Var(seed{&o.Seed}, "seed", "repeat the bytes of an earlier test")
	flags.Var(choice{&format, formats}, "format", "text or json")
	cmd.RegisterFlagCompletionFunc("rule", words(ruleIDs()))
	cmd.RegisterFlagCompletionFunc("format", words(formats))
	return cmd
}

func runSelftest(ctx context.Context, p *Process, o selftest.Options, format string) error {
	ctx, stop := untilSignal(ctx)
	defer stop()
	progress := newProgress(p, "by selftest")
	o.Echod = thisBuild().String()
	o.Progress = progress.tell
	matrix, err := selftest.Run(ctx, engines.All(), o)
	progress.clear()
	if err != nil {
		return err
	}
	if err := writeMatrix(p, matrix, format); err != nil {
		return &exitError{Unknown, fmt.Errorf("write the matrix: %w", err)}
	}
	return cmp.Or(interrupted(ctx), answered(matrix.Verdict()))
}

func writeMatrix(p *Process, matrix *selftest.Matrix, format string) error {
	if format == "json" {
		return matrix.WriteJSON(p.Stdout)
	}
	return matrix.WriteText(p.Stdout, colorful(p))
}
