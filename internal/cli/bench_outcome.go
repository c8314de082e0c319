package cli

import (
	"fmt"
	"io"
	"slices"
	"time"

	"echod/internal/dial"
	"echod/internal/load"
	"echod/internal/report"
)

// outcome is what a load comes to: a result, and how its thresholds fared.
type outcome struct {
	result     *load.Result
	judgements []judgement
}

func newOutcome(r *load.Result, thresholds []threshold[*load.Result]) *outcome {
	return &outcome{r, judgeAll(thresholds, r)}
}

// deliver writes the report to standard output; or into file, and then what
// people must know of it to standard error. There it goes too if the report is
// for programs.
func (o *outcome) deliver(p *Process, format string, file *outputFile) error {
	if file != nil {
		if err := file.write(o.writerOf(format, false)); err != nil {
			return err
		}
		fmt.Fprintln(p.Stderr, report.Line(o.result))
	} else if err := o.writerOf(format, colorful(p))(p.Stdout); err != nil {
		return &exitError{Unknown, fmt.Errorf("write the report: %w", err)}
	}
	if o.result.Errors[dial.Local] > 0 {
		fmt.Fprintf(p.Stderr, "echod: hint: %s\n", hintScarce)
	}
	if file == nil && format == "text" {
		return nil
	}
	for _, warning := range report.Warnings(o.result) {
		fmt.Fprintln(p.Stderr, warning)
	}
	return writeJudgements(p.Stderr, o.judgements, false)
}

// hintScarce is for what this machine could not do of a load.
const hintScarce = "local errors are this machine's: more ports by --source 127.0.0.2,127.0.0.3, more open files by ulimit -n"

func (o *outcome) writerOf(format string, color bool) func(io.Writer) error {
	if format == "json" {
		return func(w io.Writer) error { return report.WriteJSON(w, o.result, verdicts(o.judgements)...) }
	}
	return func(w io.Writer) error { return o.writeText(w, color) }
}

func (o *outcome) writeText(w io.Writer, color bool) error {
	if err := report.WriteText(w, o.result, color); err != nil || len(o.judgements) == 0 {
		return err
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	return writeJudgements(w, o.judgements, color)
}

// writeHgrm writes latency in milliseconds, the unit of other tools.
func (o *outcome) writeHgrm(w io.Writer) error {
	return o.result.Latency.WriteHgrm(w, time.Millisecond)
}

// answered turns the outcome into an exit code; the report has said the rest. A
// threshold says nothing of the server where the generator was too slow.
func (o *outcome) answered() error {
	switch {
	case o.result.Wrong != nil:
		return &exitError{code: Failed}
	case o.result.Behind != nil:
		return &exitError{code: Unknown}
	case slices.ContainsFunc(o.judgements, judgement.broken):
		return &exitError{code: Failed}
	}
	return nil
}
