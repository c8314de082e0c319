package report

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"

	"echod/internal/dial"
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
		{key: "messages_per_second", label: "throughput", of: perSecond(messages), text: rate},
		{key: "bytes_per_second", label: "received", of: perSecond(bytesIn), text: sizeRate},
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
			key: strings.ReplaceAll(name, " ", "_") + "_" + q.key + "_seconds", label: name + " " + q.label, text: seconds,
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
	all := []figure{{key: "errors", label: "errors", text: whole, bad: true,
		of: func(r *load.Result) (float64, bool) { return float64(errorsOf(r)), true }}}
	for _, class := range slices.Sorted(maps.Keys(classes)) {
		if !classes[class] {
			continue
		}
		all = append(all, figure{key: "errors_" + string(class), label: "  " + string(cmp.Or(class, "other")), text: whole, bad: true,
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
	{key: "lost_ratio", label: "lost", of: ofSent(func(d *load.Datagrams) int64 { return d.Lost }), text: percent, bad: true},
	{key: "duplicated_ratio", label: "duplicated", of: ofSent(func(d *load.Datagrams) int64 { return d.Duplicated }), text: percent, bad: true},
	{key: "reordered_ratio", label: "reordered", of: ofSent(func(d *load.Datagrams) int64 { return d.Reordered }), text: percent},
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
	{key: "client_cpu_cores", label: "client CPU", text: percent,
		of: func(r *load.Result) (float64, bool) { return divide(r.CPU.Client, r.Seconds) }},
	{key: "server_cpu_cores", label: "server CPU", text: percent,
		of: func(r *load.Result) (float64, bool) {
			if r.CPU.Server == nil {
				return 0, false
			}
			return divide(*r.CPU.Server, r.Seconds)
		}},
	{key: "server_memory_bytes", label: "server memory", text: size,
		of: func(r *load.Result) (float64, bool) {
			if r.CPU.ServerRSS == nil {
				return 0, false
			}
			return float64(*r.CPU.ServerRSS), true
		}},
	{key: "system_cpu_per_message_seconds", label: "system CPU per message", text: seconds,
		of: func(r *load.Result) (float64, bool) {
			if r.CPU.System == 0 {
				return 0, false
			}
			return divide(r.CPU.System, float64(r.Messages))
		}},
}
