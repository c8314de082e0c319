package cli

import (
	"fmt"
	"io"

	"echod/check"
)

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
