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

// liveLine shows a person at a terminal, in one line, how a load is doing.
type liveLine struct {
	w      io.Writer // nil: standard error is no terminal
	plan   load.Plan
	errors int64 // so far
}

func newLiveLine(p *Process, plan load.Plan) *liveLine {
	l := &liveLine{plan: plan}
	if isTerminal(p.Stderr) {
		l.w = p.Stderr
	}
	l.write("connecting")
	return l
}

// show writes what the last second was like.
func (l *liveLine) show(now load.Progress) {
	if !now.Warmup {
		l.errors += now.Interval.Errors
	}
	l.write(report.ProgressLine(l.plan, now, l.errors))
}

func (l *liveLine) write(words string) {
	if l.w != nil {
		fmt.Fprintf(l.w, "%s%s: %s", clearLine, l.plan.URL, words)
	}
}

func (l *liveLine) clear() {
	if l.w != nil {
		fmt.Fprint(l.w, clearLine)
	}
}
