package check

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// WriteTAP writes the report in the Test Anything Protocol, version 14: one test point
// for each rule, with a YAML block where there is something to explain. An inconclusive
// rule is "not ok", with severity error.
func (r *Report) WriteTAP(w io.Writer) error {
	return writeTAP(w, r.properties(), r.testCases(), r.Interrupted)
}

// WriteTAP writes the comparison in the Test Anything Protocol, like WriteJUnit.
func (c *Comparison) WriteTAP(w io.Writer) error {
	return writeTAP(w, c.properties(), c.testCases(), c.Interrupted())
}

func writeTAP(w io.Writer, properties []Row, cases []testCase, interrupted bool) error {
	var b strings.Builder
	b.WriteString("TAP version 14\n")
	for _, p := range properties {
		fmt.Fprintf(&b, "# %s: %s\n", p.Label, p.Value)
	}
	fmt.Fprintf(&b, "1..%d\n", len(cases))
	for i, c := range cases {
		writeTAPPoint(&b, i+1, c)
	}
	if interrupted {
		b.WriteString("Bail out! interrupted\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func writeTAPPoint(b *strings.Builder, number int, c testCase) {
	switch c.verdict {
	case Skip:
		fmt.Fprintf(b, "ok %d - %s # SKIP %s\n", number, tapText(c.rule), tapText(c.message))
		return
	case Pass:
		fmt.Fprintf(b, "ok %d - %s\n", number, tapText(c.rule))
	default:
		fmt.Fprintf(b, "not ok %d - %s\n", number, tapText(c.rule))
	}
	rows := []Row{{"message", c.message}}
	if c.verdict != Pass {
		rows = append(rows, Row{"severity", string(c.verdict)}, Row{"class", string(c.class)})
	}
	b.WriteString("  ---\n")
	for _, row := range append(rows, c.rows...) {
		if row.Value != "" {
			fmt.Fprintf(b, "  %s: %s\n", row.Label, yamlText(row.Value))
		}
	}
	fmt.Fprintf(b, "  duration_ms: %s\n  ...\n", milliseconds(c.elapsed))
}

// tapText escapes characters that would start a directive.
func tapText(s string) string {
	return strings.NewReplacer(`\`, `\\`, "#", `\#`, "\n", " ").Replace(s)
}

// yamlText returns s as a double-quoted scalar: every JSON string is one (YAML 1.2).
func yamlText(s string) string {
	var b strings.Builder
	out := json.NewEncoder(&b)
	out.SetEscapeHTML(false)
	out.Encode(s)
	return strings.TrimSuffix(b.String(), "\n")
}

func milliseconds(d time.Duration) string {
	return strconv.FormatFloat(float64(d)/float64(time.Millisecond), 'f', -1, 64)
}
