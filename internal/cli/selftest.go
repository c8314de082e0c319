package cli

import (
	"cmp"
	"context"
	"io"

	"github.com/spf13/cobra"

	"echod/internal/engines"
	"echod/internal/selftest"
)

func newSelftest(p *Process) *cobra.Command {
	output := newOutputFlags("text", "json")
	var options selftest.Options
	cmd := &cobra.Command{
		Use:   "selftest",
		Short: "run the rules of check on every engine that works here",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			file, err := output.open(cmd.Flags())
			if err != nil {
				return err
			}
			return runSelftest(cmd.Context(), p, options, output.format, file)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.Var(globs(&options.Rules), "rule", "run only this rule, an ID or a pattern; repeatable")
	flags.Var(seed(&options.Seed), "seed", "send the same bytes as an earlier test")
	output.register(cmd)
	flags.BoolVarP(&p.quiet, "quiet", "q", false, "print only the last line, the verdict")
	return cmd
}

func runSelftest(ctx context.Context, p *Process, o selftest.Options, format string, file *outputFile) error {
	ctx, stop := untilSignal(ctx)
	defer stop()
	progress := newProgress(p, "by selftest")
	o.Echod = thisBuild().String()
	o.Progress = progress.show
	matrix, err := selftest.Run(ctx, engines.All(), o)
	progress.clear()
	if err != nil {
		return err
	}
	err = p.writeReport(file, func(w io.Writer, color bool) error {
		switch {
		case format == "json":
			return matrix.WriteJSON(w)
		case p.quiet && file == nil:
			return writeLine(w, matrix.Summary())
		}
		return matrix.WriteText(w, color)
	})
	if file != nil && !p.quiet && err == nil {
		err = writeLine(p.Stderr, matrix.Summary())
	}
	return cmp.Or(err, interrupted(ctx), verdictError(matrix.Verdict()))
}
