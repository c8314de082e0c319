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
	key   string                             // in JSON; its unit is the last word
	label string                             // for people
	of    func(*load.Result) (float64, bool) // false: it was not measured
	text  func(float64) string
	bad   bool // anything but zero is bad
}

// figures are all that a result is asked for, in this order.
func figures(results []*load.Result) []figure {
	all := []figure{
		{key: "messages_per_second", label: "throughput", of: perSecond(messages), text: draw.PerSecond.Write},
		{key: "bytes_per_second", label: "received", of: perSecond(bytesIn), text: draw.BytesPerSecond.Write},
	}
	all = append(all, durations("latency", latency, quantiles)...)
	all = append(all, durations("scheduling delay", schedulingDelay, quantiles[2:])...)
	all = append(all, durations("connect", connect, quantiles[:3])...)
	all = append(all, failures(results)...)
	return append(append(all, losses...), costs...)
}

// quantile is a part of all messages, by the name that people call it.
type quantile struct {
	key, label string
	part       float64
}

var quantiles = []quantile{
	{"p50", "p50", 0.5}, {"p90", "p90", 0.9}, {"p99", "p99", 0.99},
	{"p999", "p99.9", 0.999}, {"p9999", "p99.99", 0.9999}, {"max", "max", 1},
}

func latency(r *load.Result) *hist.Hist         { return r.Latency }
func schedulingDelay(r *load.Result) *hist.Hist { return r.SchedulingDelay }
func connect(r *load.Result) *hist.Hist         { return r.Connect }

func messages(r *load.Result) int64 { return r.Messages }
func bytesIn(r *load.Result) int64  { return r.BytesIn }

// durations are the quantiles of one histogram.
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

func perSecond(of func(*load.Result) int64) func(*load.Result) (float64, bool) {
	return func(r *load.Result) (float64, bool) { return divide(float64(of(r)), r.Seconds) }
}

// divide is false where the result is no number.
func divide(a, b float64) (float64, bool) {
	v := a / b
	if b == 0 || math.IsInf(v, 0) {
		return 0, false
	}
	return v, true
}

// failures are the errors: a figure for each class that any result has, or one
// that says that there were none.
func failures(results []*load.Result) []figure {
	classes := map[dial.Class]bool{}
	for _, r := range results {
		for class, n := range r.Errors {
			classes[class] = classes[class] || n > 0
		}
	}
	all := []figure{{key: "errors", label: "errors", text: draw.Whole, bad: true,
		of: func(r *load.Result) (float64, bool) { return float64(errorsOf(r)), true }}}
	for _, class := range slices.Sorted(maps.Keys(classes)) {
		if !classes[class] {
			continue
		}
		all = append(all, figure{key: "errors_" + string(class), label: "  " + string(cmp.Or(class, "other")), text: draw.Whole, bad: true,
			of: func(r *load.Result) (float64, bool) { return float64(r.Errors[class]), true }})
	}
	return all
}

func errorsOf(r *load.Result) int64 {
	var sum int64
	for _, n := range r.Errors {
		sum += n
	}
	return sum
}

// losses are what became of datagrams, as parts of those that left.
var losses = []figure{
	{key: "lost_ratio", label: "lost", of: ofSent(func(d *load.Datagrams) int64 { return d.Lost }), text: draw.Percentage, bad: true},
	{key: "duplicated_ratio", label: "duplicated", of: ofSent(func(d *load.Datagrams) int64 { return d.Duplicated }), text: draw.Percentage, bad: true},
	{key: "reordered_ratio", label: "reordered", of: ofSent(func(d *load.Datagrams) int64 { return d.Reordered }), text: draw.Percentage},
}

func ofSent(of func(*load.Datagrams) int64) func(*load.Result) (float64, bool) {
	return func(r *load.Result) (float64, bool) {
		if r.Datagrams == nil {
			return 0, false
		}
		return divide(float64(of(r.Datagrams)), float64(r.Datagrams.Sent))
	}
}

// costs are what it took: processors as parts of one core, kept busy all the
// time.
var costs = []figure{
	{key: "client_cpu_cores", label: "client CPU", text: draw.Percentage,
		of: func(r *load.Result) (float64, bool) { return divide(r.CPU.Client, r.Seconds) }},
	{key: "server_cpu_cores", label: "server CPU", text: draw.Percentage,
		of: func(r *load.Result) (float64, bool) {
			if r.CPU.Server == nil {
				return 0, false
			}
			return divide(*r.CPU.Server, r.Seconds)
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
			return divide(r.CPU.System, float64(r.Messages))
		}},
}

// cell is one place in the table of figures.
type cell struct {
	Text string
	Bad  bool
}

// table is what all runs were found to be: a row for each figure that any of them
// has, its label first. Several runs have their names above them, and after the
// second and each further one a column of multiples of the first.
func table(runs []Run) [][]cell {
	results := make([]*load.Result, len(runs))
	for i, run := range runs {
		results[i] = run.Result
	}
	var rows [][]cell
	if len(runs) > 1 {
		rows = append(rows, heading(runs))
	}
	for _, f := range figures(results) {
		if row := f.row(results); row != nil {
			rows = append(rows, row)
		}
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

// row is nil if no result has the figure.
func (f figure) row(results []*load.Result) []cell {
	row, known := []cell{{Text: f.label}}, false
	first, comparable := f.of(results[0])
	for i, r := range results {
		v, ok := f.of(r)
		known = known || ok
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
