package cli

import (
	"fmt"
	"io"
	"strings"

	"echod/check"
	"echod/internal/usage"
)

// ruleRow is what there is to say about one rule.
type ruleRow struct {
	ID       string   `json:"id"`
	Networks []string `json:"networks"`
	Sends    string   `json:"sends"`
	Expects  string   `json:"expects"`
	Meaning  string   `json:"meaning"`
	Needs    []string `json:"needs,omitempty"` // flags without which it is skipped
}

// listRules writes all rules, as text or JSON.
func listRules(w io.Writer, format string) error {
	var rows []ruleRow
	for _, r := range check.Rules() {
		rows = append(rows, ruleRow{r.ID, r.Networks, r.Sends, r.Expects, r.Meaning, r.Needs()})
	}
	switch format {
	case "json":
		return writeJSON(w, rows)
	case "text":
		return writeRules(w, rows)
	}
	return usage.New("--list cannot be written as "+format, "write text or json")
}

func writeRules(w io.Writer, rows []ruleRow) error {
	var b strings.Builder
	for i, row := range rows {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s  (%s)\n", row.ID, strings.Join(row.Networks, ", "))
		fmt.Fprintf(&b, "  sends    %s\n  expects  %s\n  means    %s\n", row.Sends, row.Expects, row.Meaning)
		if len(row.Needs) > 0 {
			fmt.Fprintf(&b, "  needs    %s\n", strings.Join(row.Needs, ", "))
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
