package cli

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"echod/check"
	"echod/internal/report"
)

// threshold is a bound that one figure of a result, which is an R, has to keep.
type threshold[R any] struct {
	text  string // as it was given
	of    measure[R]
	bound float64
}

// measure is a figure of a result that can have a threshold.
type measure[R any] struct {
	name    string
	sign    string // "<" where little is good, ">" where much is
	example string // of a bound
	read    func(string) (float64, error)
	take    func(R) float64 // NaN if it was not measured
	write   func(float64) string
}

// parseThreshold reads p99<2ms, rate>1000, errors<1, loss<1% and their like. Of
// two names that are equally near to a wrong one, the first of measures is
// suggested.
func parseThreshold[R any](text string, measures []measure[R]) (threshold[R], error) {
	i := strings.IndexAny(text, "<>=")
	if i < 0 {
		return threshold[R]{}, errors.New("write it as in p99<2ms or rate>1000, in quotes for the shell's sake")
	}
	name, bound := strings.TrimSpace(text[:i]), strings.TrimSpace(text[i+1:])
	m, err := measureOf(name, measures)
	if err != nil {
		return threshold[R]{}, err
	}
	if text[i:i+1] != m.sign || strings.HasPrefix(bound, "=") {
		return threshold[R]{}, errors.New("write it as in " + m.name + m.sign + m.example)
	}
	value, err := m.read(bound)
	if err != nil {
		return threshold[R]{}, errors.New("write it as in " + m.name + m.sign + m.example)
	}
	return threshold[R]{text, m, value}, nil
}

func measureOf[R any](name string, measures []measure[R]) (measure[R], error) {
	var names []string
	for _, m := range measures {
		if m.name == name {
			return m, nil
		}
		names = append(names, m.name)
	}
	return measure[R]{}, errors.New(suggest(name, names, "write "+orList(names)))
}

// secondsText is how a bound that parseSeconds read is written.
func secondsText(seconds float64) string {
	return report.Duration(time.Duration(seconds * float64(time.Second)))
}

func parseSeconds(text string) (float64, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, errors.New("no duration")
	}
	return d.Seconds(), nil
}

func parseWhole(text string) (float64, error) {
	n, err := strconv.ParseUint(text, 10, 32)
	return float64(n), err
}

func wholeText(n float64) string { return strconv.FormatFloat(n, 'f', 0, 64) }

// parsePercent reads a part of a hundred, as a part of one.
func parsePercent(text string) (float64, error) {
	digits, found := strings.CutSuffix(text, "%")
	n, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
	if err != nil || !found || !(n >= 0 && n <= 100) {
		return 0, errors.New("no percentage")
	}
	return n / 100, nil
}

// judge is what becomes of the threshold. One for what was not measured is
// broken: nothing says that it was kept.
func (t threshold[R]) judge(r R) judgement {
	value := t.of.take(r)
	j := judgement{threshold: t.text, met: value < t.bound, measured: !math.IsNaN(value), value: t.of.write(value)}
	if t.of.sign == ">" {
		j.met = value > t.bound
	}
	if !j.measured {
		j.value = "not measured"
	}
	return j
}

// judgeAll is what becomes of all.
func judgeAll[R any](all []threshold[R], r R) []judgement {
	var judged []judgement
	for _, t := range all {
		judged = append(judged, t.judge(r))
	}
	return judged
}

// judgement is what became of a threshold.
type judgement struct {
	threshold string
	met       bool
	measured  bool
	value     string // that the figure has
}

func (j judgement) broken() bool { return !j.met }

func (j judgement) word() string {
	if j.met {
		return "met"
	}
	return "broken"
}

// verdicts are all of them for programs.
func verdicts(all []judgement) []report.Verdict {
	var told []report.Verdict
	for _, j := range all {
		told = append(told, report.Verdict{Threshold: j.threshold, Met: j.met, Value: j.value})
	}
	return told
}

// writeJudgements writes one line for each.
func writeJudgements(w io.Writer, all []judgement, color bool) error {
	width := 0
	for _, j := range all {
		width = max(width, len(j.threshold))
	}
	var b strings.Builder
	for _, j := range all {
		word := fmt.Sprintf("%-6s", j.word())
		if color && !j.met {
			word = check.Fail.Paint(word)
		}
		fmt.Fprintf(&b, "threshold  %-*s  %s  %s\n", width, j.threshold, word, j.value)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
