package spread

import (
	"context"
	"strings"
	"testing"
	"time"

	"echod/internal/dial"
	"echod/internal/load"
)

// TestWorkerThatLiesIsFoundOut changes one figure of a true result after the other.
func TestWorkerThatLiesIsFoundOut(t *testing.T) {
	t.Parallel()
	lies := map[string]func(*load.Result){
		"a message without an outcome":     func(r *load.Result) { r.Due++ },
		"a negative count":                 func(r *load.Result) { r.Late = -1 },
		"a negative class":                 func(r *load.Result) { r.Failed = load.Classes{dial.Reset: -1, dial.Refused: 1} },
		"an answer without a latency":      func(r *load.Result) { r.Due, r.Sent, r.Answered = 11, 11, 11 },
		"a latency without an answer":      func(r *load.Result) { r.Latency.Record(time.Millisecond) },
		"a latency longer than the run":    func(r *load.Result) { slow(r) },
		"other latencies in its seconds":   func(r *load.Result) { r.Intervals[0].Latency.Reset() },
		"other counts in its seconds":      func(r *load.Result) { r.Intervals[0].Answered++ },
		"a failure in no second":           func(r *load.Result) { r.Answered--; r.AnsweredInTime--; r.Failed = load.Classes{dial.Reset: 1} },
		"a plan of another seed":           func(r *load.Result) { r.Plan.Seed++ },
		"a plan of another rate":           func(r *load.Result) { r.Plan.Rate = load.PerSecond(1) },
		"a plan of another target":         func(r *load.Result) { r.Plan.URL = "tcp://127.0.0.1:8" },
		"another format":                   func(r *load.Result) { r.Format = "echod-bench/2" },
		"parts":                            func(r *load.Result) { r.Parts = make([]load.Part, 1) },
		"an interrupt that nobody sent":    func(r *load.Result) { r.Interrupted = true },
		"a measurement in the future":      func(r *load.Result) { r.Seconds = 3600 },
		"a start that was not agreed":      func(r *load.Result) { r.Started = r.Started.Add(-time.Minute) },
		"more bytes than the messages had": func(r *load.Result) { r.BytesOut *= 2 },
		"more sent than were due":          func(r *load.Result) { r.Sent, r.BytesOut = 20, 20*64 },
		"a schedule of a closed loop":      func(r *load.Result) { r.Behind = &load.Behind{Target: 1} },
		"an endless text":                  func(r *load.Result) { r.Environment.CPU = strings.Repeat("x", maxText+1) },
		"more connections than planned":    func(r *load.Result) { r.Intervals[0].Conns = 99 },
		"many seconds":                     func(r *load.Result) { r.Intervals = append(r.Intervals, make([]load.Interval, 9)...) },
		"a count that overflows":           func(r *load.Result) { r.Late = 1 << 62 },
		"a class that overflows":           func(r *load.Result) { r.Disconnects = load.Classes{dial.Reset: 1 << 62} },
		"a process that nobody asked for":  func(r *load.Result) { r.CPU.Server = new(float64) },
		"no latency at all":                func(r *load.Result) { r.Latency = nil },
		"addresses that nobody asked for":  func(r *load.Result) { r.Addresses = make([]load.Address, 1) },
	}
	for name, lie := range lies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var list samples
			honest, _ := serve(t, &Worker{carry: list.carry})
			liar, _ := serve(t, &Worker{carry: func(ctx context.Context, p load.Plan, h load.Hold, observe func(load.Progress)) (*load.Result, error) {
				r, err := list.carry(ctx, p, h, observe)
				if err == nil {
					lie(r)
				}
				return r, err
			}})
			sum, err := coordinate(honest, liar).Run(t.Context(), messages(t, "tcp://127.0.0.1:7", 2, 20), nil)
			blames(t, err, liar)
			if sum != nil || err != nil && !strings.Contains(err.Error(), "cannot be true") {
				t.Errorf("got %v, %v", sum, err)
			}
		})
	}
}

// slow gives one message a latency of half an hour.
func slow(r *load.Result) {
	r.Latency.Reset()
	for range r.Answered {
		r.Latency.Record(30 * time.Minute)
	}
	r.Intervals[0].Latency.Reset()
	r.Intervals[0].Latency.Add(r.Latency)
}

func TestOpenLoopHasTheMessagesOfItsSchedule(t *testing.T) {
	t.Parallel()
	p := messages(t, "tcp://127.0.0.1:7", 1, 0)
	p.Duration, p.Rate = 2*time.Second, load.PerSecond(100)
	for due, want := range map[int64]bool{198: false, 200: true, 203: false} {
		p.Messages = due
		r := result(p, time.Now())
		r.Plan.Messages, r.Seconds = 0, 2
		c := claim{done: &done{Result: r}, plan: r.Plan}
		if err := c.checkCounts(); (err == nil) != want {
			t.Errorf("%d messages: got %v", due, err)
		}
	}
}

func TestWorkerThatBeginsLateIsNamed(t *testing.T) {
	t.Parallel()
	var list samples
	target, _ := serve(t, &Worker{carry: list.carry})
	c := coordinate(target)
	c.late = -time.Hour // each one is late
	_, err := c.Run(t.Context(), messages(t, "tcp://127.0.0.1:7", 1, 1), nil)
	blames(t, err, target)
	if err == nil || !strings.Contains(err.Error(), "was late") {
		t.Errorf("got %v", err)
	}
}
