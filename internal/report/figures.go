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
}

// figures returns the figures of results, in the order of the table.
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

// quantile is a quantile with its names in JSON and in tables.
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

func perSecond(of func(*load.Result) int64) func(*load.Result) (float64, bool) {
	return func(r *load.Result) (float64, bool) { return divide(float64(of(r)), r.Seconds) }
}

// divide returns false if the result is not a finite number.
func divide(a, b float64) (float64, bool) {
	v := a / b
	if b == 0 || math.IsInf(v, 0) {
		return 0, false
	}
	return v, true
}

// failures returns the figures of errors: all errors, and those of each class that any
// result has.
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

// losses are figures of datagrams, as parts of those sent.
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

// costs are figures of CPU time, as parts of one core, and of memory.
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

// row returns the row of a figure, nil if no result has it.
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
