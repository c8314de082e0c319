package selftest

import (
	"fmt"
	"io"
	"strings"

	"echod/check"
)

// WriteText writes the matrix for people: a table for each network, with a row for each
// rule and a column for each engine; then an explanation of each failure; then the
// verdict. Color marks verdicts with ANSI escape sequences.
func (m *Matrix) WriteText(w io.Writer, color bool) error {
	paint := func(_ check.Verdict, words string) string { return words }
	if color {
		paint = check.Verdict.Paint
	}
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d\n", m.Seed)
	for _, network := range m.networks() {
		m.writeTable(&b, network, paint)
	}
	for _, c := range m.Columns {
		c.writeFailures(&b)
	}
	for _, a := range m.Absent {
		fmt.Fprintf(&b, "\nengine %s was not tested: %v\n", a.Engine, a.Reason)
	}
	fmt.Fprintf(&b, "\n%s\n", paint(m.Verdict(), m.Summary()))
	_, err := io.WriteString(w, b.String())
	return err
}

// ruleWidth returns the length of the longest ID in the tables.
func (m *Matrix) ruleWidth() int {
	width := 0
	for _, c := range m.Columns {
		if c.Report == nil {
			continue
		}
		for _, r := range c.Report.Results {
			width = max(width, len(r.Rule))
		}
	}
	return width
}

// writeTable writes the table of one network.
func (m *Matrix) writeTable(b *strings.Builder, network string, paint func(check.Verdict, string) string) {
	heading := fmt.Sprintf("%-*s", m.ruleWidth(), network)
	for _, name := range m.engines() {
		heading += fmt.Sprintf("  %-6s", name)
	}
	fmt.Fprintf(b, "\n%s\n", strings.TrimRight(heading, " "))
	for _, rule := range check.Rules() {
		var cells strings.Builder
		ran := false
		for _, name := range m.engines() {
			verdict := m.column(name, network).verdict(rule.ID)
			ran = ran || verdict != ""
			cells.WriteString("  " + paint(verdict, fmt.Sprintf("%-6s", verdict)))
		}
		if ran {
			fmt.Fprintf(b, "%-*s%s\n", m.ruleWidth(), rule.ID, strings.TrimRight(cells.String(), " "))
		}
	}
}

// verdict returns the verdict on rule; "" if it did not run.
func (c *Column) verdict(rule string) check.Verdict {
	if c == nil || c.Report == nil {
		return ""
	}
	for _, r := range c.Report.Results {
		if r.Rule == rule {
			return r.Verdict
		}
	}
	return ""
}

func (c *Column) writeFailures(b *strings.Builder) {
	if c.Err != nil {
		fmt.Fprintf(b, "\n%s/%s: %v\n", c.Engine, c.Network, c.Err)
		return
	}
	for _, r := range c.Report.Results {
		if r.Verdict == check.Fail || r.Verdict == check.Error && !c.Report.Interrupted {
			fmt.Fprintf(b, "\n%s/%s  %s", c.Engine, c.Network, c.Report.Explain(r))
			fmt.Fprintf(b, "  repeat  echod selftest --rule %s --seed %d\n", r.Rule, c.Report.Seed())
		}
	}
}
