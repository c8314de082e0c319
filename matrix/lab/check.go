package lab

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
)

// check runs echod check. That rules fail is no error.
func (w *Workshop) check(ctx context.Context, args []string) (*Report, error) {
	echod, err := w.Look("echod")
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, echod, append([]string{"check"}, args...)...)
	var complaints strings.Builder
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && !(errors.As(err, &exit) && (exit.ExitCode() == 1 || exit.ExitCode() == 3)) {
		return nil, fmt.Errorf("check: %w\n%s", err, &complaints)
	}
	report := &Report{}
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		if len(f) >= 3 && strings.Contains(f[0], "/") && !strings.HasSuffix(f[0], ":") && !strings.Contains(f[0], "://") {
			r := Result{Rule: f[0], Verdict: f[1], Detail: strings.Join(f[3:], " ")}
			if r.Verdict == "fail" {
				r.Class = f[3]
			}
			report.Results = append(report.Results, r)
		}
	}
	if len(report.Results) == 0 {
		return nil, fmt.Errorf("check reported nothing: %s", &complaints)
	}
	return report, nil
}
