package lab

import (
	"context"
	"encoding/json"
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
	cmd := exec.CommandContext(ctx, echod, append([]string{"check", "--format", "json"}, args...)...)
	var complaints strings.Builder
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	report := &Report{Raw: out}
	if err := json.Unmarshal(out, report); err == nil && len(report.Results) > 0 {
		return report, nil
	}
	return nil, fmt.Errorf("check made no report: %w: %s", errors.Join(err, ctx.Err()), &complaints)
}
