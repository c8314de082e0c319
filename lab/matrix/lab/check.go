package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
)

// check runs echod check and parses its report. It returns an error if a rule fails without
// the program in the path. A rule that fails only with the program is not an error.
func (w *Env) check(ctx context.Context, args []string) (*Report, error) {
	echod, err := w.Look("echod")
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, echod, slices.Concat([]string{"check", "--format", "json"}, w.Flags, args)...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	report, malformed := ParseReport(out)
	if malformed != nil {
		return nil, fmt.Errorf("check wrote no report: %w: %s", errors.Join(err, ctx.Err(), malformed), &stderr)
	}
	return report, report.checkDirect()
}

// ParseReport parses a report of one target, or of two with --direct: see docs/report.md.
func ParseReport(out []byte) (*Report, error) {
	var document struct {
		Results []Result
		Path    struct{ Results []Result }
		Direct  struct{ Results []Result }
	}
	if err := json.Unmarshal(out, &document); err != nil {
		return nil, err
	}
	report := &Report{Raw: out, Results: append(document.Results, document.Path.Results...), Direct: document.Direct.Results}
	if len(report.Results) == 0 {
		return nil, errors.New("the report has no rules")
	}
	return report, nil
}

// checkDirect returns an error if a rule fails without the program: then the result with
// the program is not valid.
func (r *Report) checkDirect() error {
	for _, result := range r.Direct {
		if result.Verdict == "fail" || result.Verdict == "error" {
			return fmt.Errorf("without the program, %s: %s: %s", result.Rule, result.Verdict, result.Detail)
		}
	}
	return nil
}
