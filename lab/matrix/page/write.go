package page

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"echod/lab/matrix/lab"
	"echod/lab/matrix/programs"
)

// Write writes dir/matrix.md, and into dir/matrix what check reported, one file
// a setup. What is there from before is replaced.
func Write(dir string, outcomes []lab.Outcome, absent []programs.Absent) error {
	raw := filepath.Join(dir, "matrix")
	if err := os.RemoveAll(raw); err != nil {
		return err
	}
	if err := os.MkdirAll(raw, 0o755); err != nil {
		return err
	}
	for i, o := range outcomes {
		if o.Report == nil {
			continue
		}
		if err := os.WriteFile(filepath.Join(raw, fileOf(i, o)), o.Report.Raw, 0o644); err != nil {
			return err
		}
	}
	p := &paper{outcomes: outcomes, absent: absent}
	return os.WriteFile(filepath.Join(dir, "matrix.md"), []byte(p.text()), 0o644)
}

// fileOf is the name of the raw report of outcome i.
func fileOf(i int, o lab.Outcome) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(o.Program))
	for strings.Contains(name, "--") {
		name = strings.ReplaceAll(name, "--", "-")
	}
	return fmt.Sprintf("%02d-%s.json", i+1, strings.Trim(name, "-"))
}
