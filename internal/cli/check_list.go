package cli

import (
	"fmt"
	"io"
	"strings"

	"echod/check"
	"echod/internal/draw"
	"echod/internal/usage"
)

// ruleRow describes one rule.
type ruleRow struct {
	ID       string   `json:"id"`
	Networks []string `json:"networks"`
	Sends    string   `json:"sends"`
	Expects  string   `json:"expects"`
	Meaning  string   `json:"meaning"`
	Needs    []string `json:"needs,omitempty"` // flags without which it is skipped
}

// listRules writes all rules, as text or JSON.
func (f *checkFlags) listRules(p *Process, file *outputFile) error {
	var rows []ruleRow
	for _, r := range check.Rules() {
		rows = append(rows, ruleRow{r.ID, r.Networks, r.Sends, r.Expects, r.Meaning, r.Needs})
	}
	switch f.output.format {
	case "json":
		return p.writeReport(file, func(w io.Writer, _ bool) error { return writeJSON(w, rows) })
	case "text":
		return p.writeReport(file, func(w io.Writer, _ bool) error { return writeRules(w, rows, terminalSize(w).columns) })
	}
	return usage.New("--list cannot be written as "+f.output.format, "want text or json")
}

func writeRules(w io.Writer, rows []ruleRow, width int) error {
	var b strings.Builder
	for i, row := range rows {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s  (%s)\n", row.ID, strings.Join(row.Networks, ", "))
		for _, line := range []struct{ name, text string }{
			{"sends", row.Sends}, {"expects", row.Expects}, {"means", row.Meaning}, {"needs", strings.Join(row.Needs, ", ")},
		} {
			if line.text != "" {
				b.WriteString(draw.Fold(line.text, width, fmt.Sprintf("  %-9s", line.name), strings.Repeat(" ", 11)))
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func ruleIDs() []string {
	var ids []string
	for _, r := range check.Rules() {
		ids = append(ids, r.ID)
	}
	return ids
}
