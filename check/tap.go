package check

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// WriteTAP writes the report in the Test Anything Protocol, version 14: one test
// point for each rule, with a YAML block where there is something to explain.
// What could not be told is "not ok", with severity error.
func (r *Report) WriteTAP(w io.Writer) error {
	return writeTAP(w, r.properties(), r.points(), r.Interrupted)
}

func writeTAP(w io.Writer, properties []row, points []point, interrupted bool) error {
	var b strings.Builder
	b.WriteString("TAP version 14\n")
	for _, p := range properties {
		fmt.Fprintf(&b, "# %s: %s\n", p.label, p.value)
	}
	fmt.Fprintf(&b, "1..%d\n", len(points))
	for i, p := range points {
		tapPoint(&b, i+1, p)
	}
	if interrupted {
		b.WriteString("Bail out! interrupted\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func tapPoint(b *strings.Builder, number int, p point) {
	switch p.verdict {
	case Skip:
		fmt.Fprintf(b, "ok %d - %s # SKIP %s\n", number, tapText(p.rule), tapText(p.message))
		return
	case Pass:
		fmt.Fprintf(b, "ok %d - %s\n", number, tapText(p.rule))
	default:
		fmt.Fprintf(b, "not ok %d - %s\n", number, tapText(p.rule))
	}
	rows := []row{{"message", p.message}}
	if p.verdict != Pass {
		rows = append(rows, row{"severity", string(p.verdict)}, row{"class", string(p.class)})
	}
	b.WriteString("  ---\n")
	for _, row := range append(rows, p.rows...) {
		if row.value != "" {
			fmt.Fprintf(b, "  %s: %s\n", row.label, yamlText(row.value))
		}
	}
	fmt.Fprintf(b, "  duration_ms: %s\n  ...\n", milliseconds(p.elapsed))
}

// tapText escapes what would begin a directive.
func tapText(s string) string {
	return strings.NewReplacer(`\`, `\\`, "#", `\#`, "\n", " ").Replace(s)
}

// yamlText is s as a double-quoted scalar: each JSON string is one (YAML 1.2).
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
