package cli

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"echod/internal/report"
)

// threshold is a limit for one figure of a result, which is an R.
type threshold[R any] struct {
	text  string // as it was given
	of    measure[R]
	bound float64
}

// measure is a figure of a result that can have a threshold.
type measure[R any] struct {
	name    string
	sign    string // "<" if less is better, ">" if more is
	example string // of a bound
	read    func(string) (float64, error)
	figure  func(R) float64 // NaN if it was not measured
	write   func(float64) string
}

// parseThreshold reads e.g. p99<2ms, rate>1000, errors<1 or loss<1%. Of two names that are
// equally near to a wrong one, it suggests the first of measures. Others know more of them.
func parseThreshold[R any](text string, measures []measure[R], others ...func(name string) (measure[R], bool)) (threshold[R], error) {
	i := strings.IndexAny(text, "<>=")
	if i < 0 {
		return threshold[R]{}, errors.New("want a figure and a limit in quotes, e.g. 'p99<2ms' or 'loss<1%'")
	}
	name, bound := strings.TrimSpace(text[:i]), strings.TrimSpace(text[i+1:])
	m, err := measureOf(name, measures, others)
	if err != nil {
		return threshold[R]{}, err
	}
	if text[i:i+1] != m.sign || strings.HasPrefix(bound, "=") {
		return threshold[R]{}, errors.New("want e.g. " + m.name + m.sign + m.example)
	}
	value, err := m.read(bound)
	if err != nil {
		return threshold[R]{}, errors.New("want e.g. " + m.name + m.sign + m.example)
	}
	return threshold[R]{text, m, value}, nil
}

// measureNames are the beginnings of thresholds.
func measureNames[R any](measures []measure[R]) []string {
	var names []string
	for _, m := range measures {
		names = append(names, m.name+m.sign)
	}
	return names
}

func measureOf[R any](name string, measures []measure[R], others []func(string) (measure[R], bool)) (measure[R], error) {
	var names []string
	for _, m := range measures {
		if m.name == name {
			return m, nil
		}
		names = append(names, m.name)
	}
	for _, other := range others {
		if m, ok := other(name); ok {
			return m, nil
		}
	}
	return measure[R]{}, errors.New("want a limit for " + withSuggestion(name, names, orList(names)))
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

// parsePercent reads a percentage, and returns 0.01 for 1%.
func parsePercent(text string) (float64, error) {
	digits, found := strings.CutSuffix(text, "%")
	n, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
	if err != nil || !found || !(n >= 0 && n <= 100) {
		return 0, errors.New("no percentage")
	}
	return n / 100, nil
}

// verdict compares the figure of r with the bound. A figure that was not measured
// breaks its threshold: nothing shows that it was met.
func (t threshold[R]) verdict(r R) report.Verdict {
	value := t.of.figure(r)
	v := report.Verdict{Threshold: t.text, Met: value < t.bound, Value: t.of.write(value)}
	if t.of.sign == ">" {
		v.Met = value > t.bound
	}
	if math.IsNaN(value) {
		v.Value = report.NotMeasured
	}
	return v
}

// verdicts returns the verdict of each threshold.
func verdicts[R any](all []threshold[R], r R) []report.Verdict {
	var list []report.Verdict
	for _, t := range all {
		list = append(list, t.verdict(r))
	}
	return list
}

// broken reports whether a threshold was not met.
func broken(v report.Verdict) bool { return !v.Met }

// thresholds are limits for figures of a result.
func thresholds[R any](all *[]threshold[R], measures []measure[R], others ...func(name string) (measure[R], bool)) pflag.Value {
	parse := func(text string) (threshold[R], error) { return parseThreshold(text, measures, others...) }
	return newList(all, "threshold", parse, func(t threshold[R]) string { return t.text }, measureNames(measures)...)
}
