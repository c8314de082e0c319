package load

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"echod/internal/usage"
)

// extremes are plans at, and beyond, the limits of each number. They are combined in pairs.
var extremes = map[string]func(p *Plan){
	"default":         func(*Plan) {},
	"conns":           func(p *Plan) { p.Conns = MaxConns },
	"too many conns":  func(p *Plan) { p.Conns = math.MaxInt },
	"depth":           func(p *Plan) { p.Depth = MaxDepth },
	"longest message": func(p *Plan) { p.Sizes, _ = ParseSizes("64MiB") },
	"rate":            func(p *Plan) { p.Rate = PerSecond(MaxRate) },
	"low rate":        func(p *Plan) { p.Rate = PerSecond(1e-7) },
	"lowest rate":     func(p *Plan) { p.Rate = PerSecond(math.SmallestNonzeroFloat64) },
	"highest float":   func(p *Plan) { p.Rate = PerSecond(math.MaxFloat64) },
	"long stages": func(p *Plan) {
		p.Rate = Rate{[]stage{{1, MaxRate, MaxTime / 2}, {0, 0, MaxTime / 2}}}
		p.Duration = MaxTime
	},
	"too long stages":          func(p *Plan) { p.Rate = Rate{[]stage{{1, 1, math.MaxInt64}}}; p.Duration = math.MaxInt64 },
	"stages that are too long": func(p *Plan) { p.Rate = Rate{[]stage{{1, 1, math.MaxInt64}, {1, 1, math.MaxInt64}}}; p.Duration = -2 },
	"connect rate":             func(p *Plan) { p.ConnectRate = 1e8 },
	"lowest connect rate":      func(p *Plan) { p.ConnectRate = math.SmallestNonzeroFloat64 },
	"duration":                 func(p *Plan) { p.Duration = MaxTime },
	"too long":                 func(p *Plan) { p.Duration = math.MaxInt64 },
	"messages":                 func(p *Plan) { p.Messages, p.Duration = MaxMessages, 0 },
	"too many messages":        func(p *Plan) { p.Messages, p.Duration = math.MaxInt64, 0 },
	"one message":              func(p *Plan) { p.Messages, p.Duration = 1, 0 },
	"warm-up":                  func(p *Plan) { p.Warmup = MaxTime },
	"too long a warm-up":       func(p *Plan) { p.Warmup = math.MaxInt64 },
	"timeout":                  func(p *Plan) { p.Timeout = MaxTimeout },
	"shortest timeout":         func(p *Plan) { p.Timeout = 1 },
	"too long a timeout":       func(p *Plan) { p.Timeout = math.MaxInt64 },
	"spin":                     func(p *Plan) { p.Spin = math.MaxInt64 },
	"seed":                     func(p *Plan) { p.Seed = math.MaxUint64 },
}

// Each plan is refused with one line, or its times can be computed: its connections are opened, and
// its messages are due, within MaxTime, and its measurement ends after that time.
func TestExtremePlanIsRefusedOrWorks(t *testing.T) {
	for a, one := range extremes {
		for b, two := range extremes {
			p := planOf(t, "tcp://127.0.0.1:7", "64")
			one(&p)
			two(&p)
			name := a + ", " + b
			if err := p.Check(); err != nil {
				if _, ok := errors.AsType[*usage.Error](err); !ok {
					t.Errorf("%s: got %v", name, err)
				}
				continue
			}
			r := &run{Plan: p}
			r.schedule.start(1, p.Rate)
			tl := &tally{plan: p, to: never}
			tl.begin(1+int64(p.Warmup), &r.schedule)
			if at := r.connectAt(1, p.Conns-1); at < 1 || at > 1+int64(MaxTime) {
				t.Errorf("%s: the last connection is opened at %d", name, at)
			}
			closed := p.Rate.IsZero() && p.Messages > 0 // the last answer ends it
			if took := tl.to - tl.from; !closed && (took <= 0 || took > int64(MaxTime)) {
				t.Errorf("%s: it takes %d ns", name, took)
			}
			if due := r.schedule.count(tl.from, tl.to); !p.Rate.IsZero() && due < max(1, p.Messages) {
				t.Errorf("%s: %d messages are due", name, due)
			}
		}
	}
}

// A run with extreme times can be interrupted, and its books are right.
func TestExtremeRunCanBeInterrupted(t *testing.T) {
	for name, plan := range extremes {
		p := planOf(t, "tcp://127.0.0.1:7", "64")
		plan(&p)
		if p.Check() != nil {
			continue
		}
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			r, err := runOf(t, p).measure(ctx, scripted(idle), func(Progress) {})
			if p.Warmup > 0 && err == nil || r != nil && !r.Balanced() || r == nil && p.Warmup == 0 {
				t.Errorf("%s: got %s, %v", name, fmt.Sprint(r), err)
			}
		})
	}
}
