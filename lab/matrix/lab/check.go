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

// check runs echod check, as anybody would type it, and reads its report. That
// rules fail is no error; that they fail without the program is one.
func (w *Workshop) check(ctx context.Context, args []string) (*Report, error) {
	echod, err := w.Look("echod")
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, echod, slices.Concat([]string{"check", "--format", "json"}, w.Flags, args)...)
	var complaints strings.Builder
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	report, malformed := read(out)
	if malformed != nil {
		return nil, fmt.Errorf("check made no report: %w: %s", errors.Join(err, ctx.Err(), malformed), &complaints)
	}
	return report, report.blameless()
}

// read takes a report of either shape that docs/report.md has: of one target, or
// of two with --direct.
func read(out []byte) (*Report, error) {
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
		return nil, errors.New("no rule in it")
	}
	return report, nil
}

// blameless is an error if the honest echo failed with nothing in between: then
// nothing can be said of what is in between.
func (r *Report) blameless() error {
	for _, result := range r.Direct {
		if result.Verdict == "fail" || result.Verdict == "error" {
			return fmt.Errorf("directly, without the program, %s ends in %s: %s", result.Rule, result.Verdict, result.Detail)
		}
	}
	return nil
}
