package report

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"echod/internal/dial"
	"echod/internal/draw"
	"echod/internal/hist"
	"echod/internal/load"
)

// figure is one number of a result.
type figure struct {
	key   string                             // in JSON; it ends with the unit
	label string                             // in tables
	of    func(*load.Result) (float64, bool) // false if it was not measured
	text  func(float64) string
	bad   bool // any value other than 0 is bad
	rare  bool // tables have it only if a result has another value than 0
}

// figures returns the figures of results, with these percentiles of latency, in the order of
// the table.
func figures(results []*load.Result, percentiles []float64) []figure {
	if percentiles == nil {
		percentiles = DefaultPercentiles
	}
	all := []figure{
		{key: "messages_per_second", label: "throughput", text: draw.PerSecond.Write,
			of: perSecond(func(p load.Part) float64 { return float64(p.Answered) })},
		{key: "bytes_per_second", label: "received", text: draw.BytesPerSecond.Write,
			of: perSecond(func(p load.Part) float64 { return float64(p.BytesIn) })},
	}
	of := append(quantilesAt(percentiles...), maximum)
	all = append(all, durations("latency", latency, of)...)
	all = append(all, figure{key: "latency_mean_seconds", label: "latency mean", text: draw.Seconds.Write, of: meanLatency})
	all = append(all, durations("scheduling delay", schedulingDelay, append(quantilesAt(99, 99.9, 99.99), maximum))...)
	all = append(all, durations("connect", connect, quantilesAt(50, 90, 99))...)
	all = append(all, outcomes...)
	all = append(all, classes(figure{key: "failed", label: "failed"}, results, func(r *load.Result) load.Classes { return r.Failed })...)
	all = append(all, losses...)
	all = append(all, trains...)
	all = append(all, classes(figure{key: "connects_failed", label: "connects failed", rare: true}, results, func(r *load.Result) load.Classes { return r.ConnectsFailed })...)
	all = append(all, classes(figure{key: "disconnects", label: "disconnects", rare: true}, results, func(r *load.Result) load.Classes { return r.Disconnects })...)
	return append(all, costs...)
}

// quantile is a quantile with its names in JSON and in tables.
type quantile struct {
	key, label string
	part       float64
}

var maximum = quantile{"max", "max", 1}

// quantilesAt returns the quantiles at these percentiles: 99.9 is p999 in JSON and p99.9 in
// tables.
func quantilesAt(percentiles ...float64) []quantile {
	var all []quantile
	for _, p := range percentiles {
		digits := strconv.FormatFloat(p, 'f', -1, 64)
		all = append(all, quantile{"p" + strings.ReplaceAll(digits, ".", ""), "p" + digits, p / 100})
	}
	return all
}

func latency(r *load.Result) *hist.Hist         { return r.Latency }
func schedulingDelay(r *load.Result) *hist.Hist { return r.SchedulingDelay }
func connect(r *load.Result) *hist.Hist         { return r.Connect }

func meanLatency(r *load.Result) (float64, bool) {
	if r.Latency.Count() == 0 {
		return 0, false
	}
	return r.Latency.Mean().Seconds(), true
}

// durations returns the figures of a histogram: its quantiles.
func durations(name string, of func(*load.Result) *hist.Hist, at []quantile) []figure {
	var all []figure
	for _, q := range at {
		all = append(all, figure{
			key: strings.ReplaceAll(name, " ", "_") + "_" + q.key + "_seconds", label: name + " " + q.label, text: draw.Seconds.Write,
			of: func(r *load.Result) (float64, bool) {
				h := of(r)
				if h == nil || h.Count() == 0 {
					return 0, false
				}
				return h.Quantile(q.part).Seconds(), true
			},
		})
	}
	return all
}

// perSecond returns a figure that is the sum of the rates of all parts, each over its own
// time: parts that do not begin together still measured the same load.
func perSecond(of func(load.Part) float64) func(*load.Result) (float64, bool) {
	return func(r *load.Result) (rate float64, ok bool) {
		for _, p := range partsOf(r) {
			v, known := divide(of(p), p.Seconds)
			rate, ok = rate+v, ok || known
		}
		return rate, ok
	}
}

// divide returns false if the result is not a finite number.
func divide(a, b float64) (float64, bool) {
	v := a / b
	if b == 0 || math.IsInf(v, 0) {
		return 0, false
	}
	return v, true
}

// outcomes are figures of what became of the messages.
var outcomes = []figure{
	{key: "due", label: "messages due", text: draw.Whole, of: func(r *load.Result) (float64, bool) { return float64(r.Due), true }},
	{key: "success_ratio", label: "answered", text: quantileText, of: SuccessRatio},
}

// SuccessRatio returns the part of the messages that were due and were answered, from 0 to
// 1; false if none was due.
func SuccessRatio(r *load.Result) (float64, bool) { return divide(float64(r.Answered), float64(r.Due)) }

// classes completes the figure of some failures, and returns it and those of each class that
// any result has.
func classes(total figure, results []*load.Result, of func(*load.Result) load.Classes) []figure {
	total.text, total.bad = draw.Whole, true
	total.of = func(r *load.Result) (float64, bool) { return float64(of(r).Total()), true }
	found := map[dial.Class]bool{}
	for _, r := range results {
		for class, n := range of(r) {
			found[class] = found[class] || n > 0
		}
	}
	all := []figure{total}
	for _, class := range slices.Sorted(maps.Keys(found)) {
		if !found[class] {
			continue
		}
		all = append(all, figure{key: total.key + "_" + string(class), label: "  " + string(cmp.Or(class, "other")), text: draw.Whole, bad: true,
			of: func(r *load.Result) (float64, bool) { return float64(of(r)[class]), true }})
	}
	return all
}

// losses are figures of datagrams, as parts of those that were due.
var losses = []figure{
	{key: "lost_ratio", label: "lost", of: LossRatio, text: draw.Percentage, bad: true},
	{key: "duplicated_ratio", label: "duplicated", of: ofDatagrams(func(r *load.Result) int64 { return r.Duplicated }), text: draw.Percentage, bad: true},
	{key: "reordered_ratio", label: "reordered", of: ofDatagrams(func(r *load.Result) int64 { return r.Reordered }), text: draw.Percentage},
	{key: "late_ratio", label: "late", of: ofDatagrams(func(r *load.Result) int64 { return r.Late }), text: draw.Percentage, bad: true, rare: true},
	{key: "foreign_ratio", label: "foreign", of: ofDatagrams(func(r *load.Result) int64 { return r.Foreign }), text: draw.Percentage, bad: true, rare: true},
}

// trains are figures of datagrams that were sent or received in one piece.
var trains = []figure{
	{key: "trains_sent", label: "trains sent", of: ofTrains(func(t *load.Trains) (float64, bool) { return float64(t.Sent), true }), text: draw.Whole},
	{key: "datagrams_per_train_sent", label: "  datagrams of each", rare: true, text: quantity,
		of: ofTrains(func(t *load.Trains) (float64, bool) { return divide(float64(t.SentDatagrams), float64(t.Sent)) })},
	{key: "trains_received", label: "trains received", of: ofTrains(func(t *load.Trains) (float64, bool) { return float64(t.Received), true }), text: draw.Whole},
	{key: "datagrams_per_train_received", label: "  datagrams of each", rare: true, text: quantity,
		of: ofTrains(func(t *load.Trains) (float64, bool) { return divide(float64(t.ReceivedDatagrams), float64(t.Received)) })},
}

func ofTrains(of func(*load.Trains) (float64, bool)) func(*load.Result) (float64, bool) {
	return func(r *load.Result) (float64, bool) {
		if r.Trains == nil {
			return 0, false
		}
		return of(r.Trains)
	}
}

// quantity writes a mean of whole numbers.
func quantity(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) }

// LossRatio returns the part of the datagrams that were due and got lost, from 0 to 1; false
// if the result is of a stream, or none was due.
func LossRatio(r *load.Result) (float64, bool) {
	return ofDatagrams(func(r *load.Result) int64 { return r.Lost })(r)
}

func ofDatagrams(of func(*load.Result) int64) func(*load.Result) (float64, bool) {
	return func(r *load.Result) (float64, bool) {
		if !strings.HasPrefix(r.Plan.URL, "udp:") {
			return 0, false
		}
		return divide(float64(of(r)), float64(r.Due))
	}
}

// costs are figures of CPU time, as parts of one core, and of memory.
var costs = []figure{
	{key: "client_cpu_cores", label: "client CPU", text: draw.Percentage,
		of: perSecond(func(p load.Part) float64 { return p.CPU.Client })},
	{key: "server_cpu_cores", label: "server CPU", text: draw.Percentage,
		of: func(r *load.Result) (float64, bool) {
			if r.CPU.Server == nil {
				return 0, false
			}
			return divide(*r.CPU.Server, longestPart(r))
		}},
	{key: "server_memory_bytes", label: "server memory", text: draw.Bytes.Write,
		of: func(r *load.Result) (float64, bool) {
			if r.CPU.ServerRSS == nil {
				return 0, false
			}
			return float64(*r.CPU.ServerRSS), true
		}},
	{key: "system_cpu_per_message_seconds", label: "system CPU per message", text: draw.Seconds.Write,
		of: func(r *load.Result) (float64, bool) {
			if r.CPU.System == 0 {
				return 0, false
			}
			return divide(r.CPU.System, float64(r.AnsweredInTime)) // both are of the time of the measurement
		}},
}

// longestPart returns for how many seconds the longest part of r was measured.
func longestPart(r *load.Result) (seconds float64) {
	for _, p := range partsOf(r) {
		seconds = max(seconds, p.Seconds)
	}
	return seconds
}

// cell is a cell of the table of figures.
type cell struct {
	Text string
	Bad  bool
}

// table returns a row for each figure that any run has, with its label first. If there
// are several runs, the first row has their names. Each run after the first has a second
// column with multiples of the first run.
func table(runs []Run) [][]cell {
	results := make([]*load.Result, len(runs))
	for i, run := range runs {
		results[i] = run.Result
	}
	var rows [][]cell
	if len(runs) > 1 {
		rows = append(rows, heading(runs))
	}
	for _, f := range figures(results, runs[0].Percentiles) {
		if row := f.row(results); row != nil {
			rows = append(rows, row)
		}
	}
	return rows
}

// addressTable returns a row for each address of a run, after a row of names; nil if addresses
// are not told apart.
func addressTable(r *load.Result) [][]cell {
	if len(r.Addresses) == 0 {
		return nil
	}
	rows := [][]cell{{{}, {Text: "due"}, {Text: "answered"}, {Text: "p50"}, {Text: "p99"}, {Text: "max"}, {Text: "connects failed"}}}
	for _, a := range r.Addresses {
		answered := cell{Text: "-"}
		if part, ok := divide(float64(a.Answered), float64(a.Due())); ok {
			answered = cell{quantileText(part), part < 1}
		}
		failed := a.ConnectsFailed.Total()
		row := []cell{{Text: a.Address}, {Text: draw.Whole(float64(a.Due()))}, answered}
		for _, q := range []float64{0.5, 0.99, 1} {
			latency := "-"
			if a.Latency.Count() > 0 {
				latency = draw.Duration(a.Latency.Quantile(q))
			}
			row = append(row, cell{Text: latency})
		}
		rows = append(rows, append(row, cell{draw.Whole(float64(failed)), failed > 0}))
	}
	return rows
}

func heading(runs []Run) []cell {
	row := []cell{{}}
	for i, run := range runs {
		row = append(row, cell{Text: run.Name})
		if i > 0 {
			row = append(row, cell{})
		}
	}
	return row
}

// row returns the row of a figure, nil if no result has it, or it is rare and 0.
func (f figure) row(results []*load.Result) []cell {
	row, known := []cell{{Text: f.label}}, false
	first, comparable := f.of(results[0])
	for i, r := range results {
		v, ok := f.of(r)
		known = known || ok && (v != 0 || !f.rare)
		if !ok {
			row = append(row, cell{Text: "-"})
		} else {
			row = append(row, cell{f.text(v), f.bad && v != 0})
		}
		if i > 0 && ok && comparable && first != 0 {
			row = append(row, cell{Text: multiple(v / first)})
		} else if i > 0 {
			row = append(row, cell{})
		}
	}
	if !known {
		return nil
	}
	return row
}

// multiple writes how many times as large a figure is.
func multiple(v float64) string {
	if v >= 0.095 && v < 9.995 {
		return "×" + strconv.FormatFloat(v, 'f', 2, 64)
	}
	return "×" + draw.ThreeDigits(v)
}
