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
	"echod/internal/hist"
	"echod/internal/load"
	"echod/internal/report"
)

// threshold is a bound that one figure of a result has to keep.
type threshold struct {
	text  string // as it was given
	of    measure
	bound float64
}

// measure is a figure that can have a threshold.
type measure struct {
	name    string
	sign    string // "<" where little is good, ">" where much is
	example string // of a bound
	read    func(string) (float64, error)
	take    func(*load.Result) float64 // NaN if it was not measured
	write   func(float64) string
}

// measures are all of them. Of two names that are equally near to a wrong one,
// the first is suggested.
var measures = []measure{
	latencyOf("p99.99", quantile(0.9999)), latencyOf("p99.9", quantile(0.999)), latencyOf("p99", quantile(0.99)),
	latencyOf("p90", quantile(0.9)), latencyOf("p50", quantile(0.5)),
	latencyOf("max", (*hist.Hist).Max), latencyOf("mean", (*hist.Hist).Mean),
	{"rate", ">", "1000", parseRate, answersPerSecond, report.Rate},
	{"errors", "<", "1", parseWhole, errorsIn, wholeText},
	{"loss", "<", "1%", parsePercent, lossIn, report.Percent},
}

func latencyOf(name string, of func(*hist.Hist) time.Duration) measure {
	take := func(r *load.Result) float64 {
		if r.Latency.Count() == 0 {
			return math.NaN()
		}
		return of(r.Latency).Seconds()
	}
	write := func(seconds float64) string { return report.Duration(time.Duration(seconds * float64(time.Second))) }
	return measure{name, "<", "2ms", parseSeconds, take, write}
}

func quantile(part float64) func(*hist.Hist) time.Duration {
	return func(h *hist.Hist) time.Duration { return h.Quantile(part) }
}

func answersPerSecond(r *load.Result) float64 { return float64(r.Messages) / r.Seconds }

func errorsIn(r *load.Result) float64 {
	var sum int64
	for _, n := range r.Errors {
		sum += n
	}
	return float64(sum)
}

func lossIn(r *load.Result) float64 {
	if r.Datagrams == nil {
		return math.NaN()
	}
	return float64(r.Datagrams.Lost) / float64(r.Datagrams.Sent)
}

// parseThreshold reads p99<2ms, rate>1000, errors<1, loss<1% and their like.
func parseThreshold(text string) (threshold, error) {
	i := strings.IndexAny(text, "<>=")
	if i < 0 {
		return threshold{}, errors.New("write it as in p99<2ms or rate>1000, in quotes for the shell's sake")
	}
	name, bound := strings.TrimSpace(text[:i]), strings.TrimSpace(text[i+1:])
	m, err := measureOf(name)
	if err != nil {
		return threshold{}, err
	}
	if text[i:i+1] != m.sign || strings.HasPrefix(bound, "=") {
		return threshold{}, errors.New("write it as in " + m.name + m.sign + m.example)
	}
	value, err := m.read(bound)
	if err != nil {
		return threshold{}, errors.New("write it as in " + m.name + m.sign + m.example)
	}
	return threshold{text, m, value}, nil
}

func measureOf(name string) (measure, error) {
	var names []string
	for _, m := range measures {
		if m.name == name {
			return m, nil
		}
		names = append(names, m.name)
	}
	return measure{}, errors.New(suggest(name, names, "write "+orList(names)))
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
func (t threshold) judge(r *load.Result) judgement {
	value := t.of.take(r)
	j := judgement{threshold: t.text, met: value < t.bound, value: t.of.write(value)}
	if t.of.sign == ">" {
		j.met = value > t.bound
	}
	if math.IsNaN(value) {
		j.value = "not measured"
	}
	return j
}

// judgement is what became of a threshold.
type judgement struct {
	threshold string
	met       bool
	value     string // that the figure has
}

func (j judgement) word() string {
	if j.met {
		return "met"
	}
	return "broken"
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
