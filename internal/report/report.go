// Package report writes the results of bench, check, ping and watch. A result of bench has the
// formats text, JSON, HTML, CSV, and those of HdrHistogram; several are merged into one, or
// compared side by side. A ping
// has the formats text, JSON and CSV, a watch has text.
package report

import (
	"fmt"
	"io"
	"strings"

	"echod/internal/load"
)

// Run is a result of echod bench.
type Run struct {
	Name     string // needed where there are several
	Result   *load.Result
	Verdicts []Verdict // of the thresholds, which are not part of the result

	// Percentiles of latency to write, in percent, each above 0 and below 100; nil for
	// DefaultPercentiles. Of several runs those of the first count.
	Percentiles []float64
}

// DefaultPercentiles are those that reports have, in percent.
var DefaultPercentiles = []float64{50, 90, 95, 99, 99.9, 99.99}

// Verdict is the outcome of a threshold.
type Verdict struct {
	Threshold string `json:"threshold"` // as it was given
	Met       bool   `json:"met"`       // false if the figure was not measured: nothing shows that it was met
	Value     string `json:"value"`     // of the figure, for people: with its unit, or NotMeasured
}

// NotMeasured is the value of a figure that was not measured.
const NotMeasured = "not measured"

// Measured reports whether the figure was measured.
func (v Verdict) Measured() bool { return v.Value != NotMeasured }

// WriteVerdicts writes one line of text for each verdict.
func WriteVerdicts(w io.Writer, verdicts []Verdict, color bool) error {
	width := 0
	for _, v := range verdicts {
		width = max(width, len(v.Threshold))
	}
	var b strings.Builder
	for _, v := range verdicts {
		word := "met   "
		switch {
		case !v.Measured(): // the value says so
			fmt.Fprintf(&b, "threshold  %-*s  %s\n", width, v.Threshold, v.Value)
			continue
		case !v.Met:
			word = "broken"
		}
		if color && !v.Met {
			word = red.paint(word)
		}
		fmt.Fprintf(&b, "threshold  %-*s  %s  %s\n", width, v.Threshold, word, v.Value)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// ansiColor is a foreground colour of a terminal, as a parameter of the ANSI escape
// sequence SGR.
type ansiColor string

const (
	plain  ansiColor = ""
	red    ansiColor = "31"
	yellow ansiColor = "33"
)

func (c ansiColor) paint(words string) string {
	if c == plain {
		return words
	}
	return "\x1b[" + string(c) + "m" + words + "\x1b[0m"
}
