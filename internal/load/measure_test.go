package load

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"echod/echotest"
	"echod/internal/dial"
	"echod/internal/hist"
	"echod/internal/usage"
)

// scripted is a driver without connections: a function is its drive.
type scripted func(ctx context.Context)

func (scripted) open(context.Context) error        { return nil }
func (d scripted) drive(ctx context.Context) error { d(ctx); return nil }
func (scripted) close()                            {}
func idle(ctx context.Context)                     { <-ctx.Done() }
func runOf(t *testing.T, p Plan) *run {
	return newRun(p, []net.Addr{nil})
}
func (c *run) measure(ctx context.Context, d driver, observe func(Progress)) (*Result, error) {
	return (&threads{runs: []*run{c}, drivers: []driver{d}}).measure(ctx, observe)
}
func seconds(n float64) time.Duration { return time.Duration(n * float64(time.Second)) }

func (c *run) answerAfter(d time.Duration) {
	time.Sleep(d)
	c.tally.claim(c.now())
	c.tally.answered(c.now(), c.now(), 64)
}

func TestRunReportsTheWarmupEachSecondAndTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := planOf(t, "tcp://127.0.0.1:7", "64")
		p.Warmup, p.Duration = 3*time.Second, 2500*time.Millisecond
		c := runOf(t, p)
		type moment struct {
			Clock, At, Of, Length time.Duration
			Draining              bool
			Answered              int64
		}
		var got []moment
		r, err := c.measure(t.Context(), scripted(func(ctx context.Context) {
			c.answerAfter(seconds(3.5))
			idle(ctx)
		}), func(shown Progress) {
			if shown.Warmup != (len(got) == 0) {
				t.Errorf("call %d: got warm-up %t", len(got), shown.Warmup)
			}
			got = append(got, moment{time.Duration(c.now()), shown.At, shown.Of, seconds(shown.Interval.Seconds), shown.Draining, shown.Total.Answered})
		})
		if err != nil {
			t.Fatal(err)
		}
		want := []moment{
			{0, 0, p.Duration, 0, false, 0},
			{4 * time.Second, time.Second, p.Duration, time.Second, false, 1},
			{5 * time.Second, 2 * time.Second, p.Duration, time.Second, false, 1},
			{5500 * time.Millisecond, p.Duration, p.Duration, 500 * time.Millisecond, false, 1},
			{5500 * time.Millisecond, p.Duration, p.Duration, 0, true, 1}, // and what is late
			{5500 * time.Millisecond, p.Duration, p.Duration, 0, true, 1},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("moments (-want +got):\n%s", diff)
		}
		if r.Seconds != 2.5 || r.Interrupted || len(r.Intervals) != 3 {
			t.Errorf("got %g s, interrupted %t, %d intervals; want 2.5, false, 3", r.Seconds, r.Interrupted, len(r.Intervals))
		}
	})
}

// TestRunThatEndsAtOnceHasAResult: all messages have an outcome before the run waits for the
// end of its warm-up, which takes no time.
func TestRunThatEndsAtOnceHasAResult(t *testing.T) {
	for range 20 {
		p := planOf(t, "tcp://127.0.0.1:7", "64")
		p.Duration, p.Messages = 0, 1
		c := runOf(t, p)
		r, err := c.measure(t.Context(), scripted(func(ctx context.Context) { c.answerAfter(0); idle(ctx) }), func(now Progress) {
			if now.Warmup {
				<-c.tally.all.enough
			}
		})
		if err != nil || r == nil || r.Answered != 1 {
			t.Fatalf("got %+v (%v), want one message", r, err)
		}
	}
}

func TestRunEndsWhenItsPlanSaysSo(t *testing.T) {
	tests := []struct {
		name        string
		plan        func(p *Plan)
		drive       func(ctx context.Context, c *run)
		interrupt   time.Duration // 0: never
		want        time.Duration // that it takes
		interrupted bool
	}{
		{"a duration", func(p *Plan) { p.Duration = 90 * time.Second },
			func(ctx context.Context, c *run) { c.answerAfter(seconds(1)); idle(ctx) }, 0, 90 * time.Second, false},
		{"a number of messages", func(p *Plan) { p.Duration, p.Messages = 0, 3 },
			func(ctx context.Context, c *run) {
				for range 3 {
					c.answerAfter(seconds(1.5))
				}
				idle(ctx)
			}, 0, 4500 * time.Millisecond, false},
		{"an interrupt", func(p *Plan) { p.Duration = time.Hour },
			func(ctx context.Context, c *run) { c.answerAfter(seconds(1)); idle(ctx) }, 90 * time.Second, 90 * time.Second, true},
		{"an interrupt before any answer", func(p *Plan) { p.Duration = time.Hour },
			func(ctx context.Context, c *run) { idle(ctx) }, 90 * time.Second, 90 * time.Second, true},
		{"a wrong byte", func(p *Plan) { p.Duration = time.Hour },
			func(ctx context.Context, c *run) {
				time.Sleep(seconds(7))
				c.tally.wrong(&Wrong{})
				idle(ctx)
			}, 0, 7 * time.Second, false},
		{"a wrong byte in the warm-up", func(p *Plan) { p.Duration, p.Warmup = time.Hour, time.Hour },
			func(ctx context.Context, c *run) {
				time.Sleep(seconds(7))
				c.tally.wrong(&Wrong{})
				idle(ctx)
			}, 0, 7 * time.Second, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, interrupt := context.WithCancel(t.Context())
				defer interrupt()
				if tt.interrupt > 0 {
					time.AfterFunc(tt.interrupt, interrupt)
				}
				p := planOf(t, "tcp://127.0.0.1:7", "64")
				tt.plan(&p)
				c := runOf(t, p)
				r, err := c.measure(ctx, scripted(func(ctx context.Context) { tt.drive(ctx, c) }), func(Progress) {})
				if err != nil || r.Interrupted != tt.interrupted {
					t.Fatalf("got interrupted %t, %v; want %t and no error", r.Interrupted, err, tt.interrupted)
				}
				if took := time.Duration(c.now()); took != tt.want {
					t.Errorf("it took %v, want %v", took, tt.want)
				}
			})
		})
	}
}

func TestNothingIsMeasuredInAnInterruptedWarmup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		p := planOf(t, "tcp://127.0.0.1:7", "64")
		p.Warmup = time.Minute
		if r, err := runOf(t, p).measure(ctx, scripted(idle), func(Progress) {}); r != nil || err != context.DeadlineExceeded {
			t.Errorf("got %+v, %v; want nothing but %v", r, err, context.DeadlineExceeded)
		}
	})
}

// At the end a run waits for all messages that were due, until their timeout has passed.
func TestRunWaitsForMessagesThatWereDue(t *testing.T) {
	tests := []struct {
		name  string
		rate  float64
		drive func(ctx context.Context, c *run)
		want  time.Duration
	}{
		{"closed loop, nothing is under way", 0, func(ctx context.Context, c *run) { idle(ctx) }, time.Second},
		{"closed loop, the last answer is late", 0, func(ctx context.Context, c *run) {
			c.tally.claim(c.now())
			time.Sleep(seconds(3))
			c.tally.answered(0, c.now(), 64)
			idle(ctx)
		}, 3 * time.Second},
		{"closed loop, the last answer never comes", 0, func(ctx context.Context, c *run) { c.tally.claim(c.now()); idle(ctx) }, 12 * time.Second},
		{"all answers come in time", 2, func(ctx context.Context, c *run) {
			c.tally.answered(0, c.now(), 64)
			c.tally.answered(5e8, c.now(), 64)
			idle(ctx)
		}, time.Second},
		{"the last answer is late", 2, func(ctx context.Context, c *run) {
			c.tally.answered(0, c.now(), 64)
			time.Sleep(seconds(3))
			c.tally.answered(5e8, c.now(), 64)
			idle(ctx)
		}, 3 * time.Second},
		{"the last answer never comes", 2, func(ctx context.Context, c *run) { idle(ctx) }, 12 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := planOf(t, "tcp://127.0.0.1:7", "64")
				p.Duration, p.Rate, p.Timeout = time.Second, PerSecond(tt.rate), 10*time.Second
				c := runOf(t, p)
				c.measure(t.Context(), scripted(func(ctx context.Context) {
					tt.drive(ctx, c)
				}), func(Progress) {})
				if took := time.Duration(c.now()); took != tt.want {
					t.Errorf("it took %v, want %v", took, tt.want)
				}
			})
		})
	}
}

func TestResultSaysIfTheGeneratorWasTooSlow(t *testing.T) {
	tests := []struct {
		name    string
		rate    float64
		seconds float64
		delay   time.Duration // of every message
		kept    int64
		wrong   *Wrong
		behind  bool
	}{
		{"kept up", 1000, 1, 0, 1000, nil, false},
		{"a little late", 1000, 1, tooLate * 9 / 10, 1000, nil, false},
		{"late", 1000, 1, 2 * tooLate, 1000, nil, true},
		{"just enough", 1000, 1, 0, 989, nil, false},
		{"too few", 1000, 1, 0, 988, nil, true},
		{"too few of twice as many", 1000, 2, 0, 1978, nil, true},
		{"closed loop", 0, 1, 2 * tooLate, 0, nil, false},
		{"nothing was measured", 1000, 0, 2 * tooLate, 0, nil, false},
		{"a wrong byte has ended it", 1000, 1, 2 * tooLate, 0, &Wrong{}, false},
	}
	for _, tt := range tests {
		r := &Result{Plan: Plan{Rate: PerSecond(tt.rate)}, Seconds: tt.seconds, Due: int64(tt.rate * tt.seconds), SchedulingDelay: hist.New(), Wrong: tt.wrong}
		r.SchedulingDelay.Record(tt.delay)
		b := behind(r, tt.kept)
		if (b != nil) != tt.behind {
			t.Errorf("%s: got %+v, want behind %t", tt.name, b, tt.behind)
		}
		if b != nil && (b.Target != tt.rate || b.Achieved != float64(tt.kept)/tt.seconds || b.SchedulingDelay != r.SchedulingDelay.Quantile(0.99)) {
			t.Errorf("%s: got %+v", tt.name, *b)
		}
	}
}

func TestRunWithoutAnAnswerIsAnError(t *testing.T) {
	tests := []struct {
		name   string
		result Result
		want   dial.Class // "": no error
	}{
		{"one answer", Result{Due: 6, Answered: 1, Failed: Classes{dial.Reset: 5}}, ""},
		{"a wrong byte", Result{Wrong: &Wrong{}}, ""},
		{"interrupted", Result{Interrupted: true}, ""},
		{"nothing at all", Result{}, dial.Timeout},
		{"no connection", Result{ConnectsFailed: Classes{dial.Refused: 1}}, dial.Refused},
		{"all are lost", Result{Due: 2, Lost: 2}, dial.Timeout},
		{"one reason", Result{Due: 1, Failed: Classes{dial.Reset: 1}}, dial.Reset},
		{"the most frequent of three reasons", Result{Due: 6, Failed: Classes{dial.Reset: 2, dial.Refused: 3, dial.PrematureEOF: 1}}, dial.Refused},
	}
	for _, tt := range tests {
		err := verdict(&tt.result)
		var unreachable *dial.UnreachableError
		switch found := errors.As(err, &unreachable); {
		case tt.want == "" && err != nil:
			t.Errorf("%s: got %v, want no error", tt.name, err)
		case tt.want != "" && (!found || unreachable.Class != tt.want):
			t.Errorf("%s: got %v, want %s", tt.name, err, tt.want)
		}
	}
}

func TestInterruptAfterTheEndDoesNotShortenTheMeasurement(t *testing.T) {
	p := planFor(t, echotest.NewServer(t).URL(), "64")
	p.Duration = 20 * time.Millisecond
	for name, make := range drivers {
		ctx, cancel := context.WithCancel(t.Context())
		r, err := runWith(ctx, p, func(now Progress) {
			if now.Draining {
				cancel()
			}
		}, make)
		if err != nil || r.Interrupted {
			t.Errorf("%s: got interrupted %t, %v; want a whole measurement", name, r.Interrupted, err)
		}
	}
}

// A machine may be too busy to send anything within a millisecond.
func TestMeasurementTooShortForAMessageIsNoFaultOfTheService(t *testing.T) {
	err := verdict(&Result{Connects: 1, Seconds: 0.001})
	if _, ok := errors.AsType[*usage.Error](err); !ok {
		t.Errorf("got %v, want a longer duration", err)
	}
}

// The driver goes on while the caller of stop, which has the time already, waits for the lock.
func TestMessageThatWasTakenBeforeStopHasAnOutcome(t *testing.T) {
	tl, s := tallyFor(t, "tcp", 1, 0), new(schedule)
	s.start(from, PerSecond(1e9/100)) // due at 1000, 1100, ...
	for due := from; due <= from+300; due += 100 {
		tl.scheduled(due, due)
	}
	stopTally(tl, from+250, s)
	for due := from; due <= from+300; due += 100 {
		tl.answered(due, to, 64)
	}
	if r := tl.total(); r.Due != 4 || !r.Balanced() {
		t.Errorf("got %d due and %d answered, want 4 of 4", r.Due, r.Answered)
	}
}

// Ten messages at 10/s take a second, although the last one is answered after 900 ms.
func TestNumberOfMessagesOnAScheduleTakesItsTime(t *testing.T) {
	p := planOf(t, "tcp://127.0.0.1:7", "64")
	p.Rate, p.Messages, p.Duration = PerSecond(10), 10, 0
	tl, s := account{newTally(p, newTotals()), nil}, new(schedule)
	s.start(0, p.Rate)
	tl.begin(0, s)
	for i := range int64(10) {
		tl.scheduled(i*1e8, i*1e8)
		tl.answered(i*1e8, i*1e8+1, 64)
	}
	if stopTally(tl, 9e8+1, s); tl.result.Seconds != 1 {
		t.Errorf("got %g s, want 1", tl.result.Seconds)
	}
}

// The generator stalls for a part of the second second. Both histograms of the result are the sums
// of those of its seconds.
func TestSecondInWhichTheGeneratorWasLateIsKnown(t *testing.T) {
	tl := tallyFor(t, "tcp", 1, 0)
	tl.to = never
	all := only(tl)
	for second, late := range []time.Duration{tooLate / 2, 10 * tooLate, 0} {
		for i := range int64(50) {
			due := from + int64(second)*1e9 + i
			tl.scheduled(due, due+int64(late))
		}
		all.nextInterval(from + int64(second+1)*1e9)
	}
	close(all.finished)
	all.archive()
	sum := hist.New()
	for i, want := range []bool{false, true, false} {
		in := tl.result.Intervals[i]
		if in.Behind() != want || in.SchedulingDelay.Count() != 50 {
			t.Errorf("second %d: got behind %t, %d delays up to %v; want %t", i, in.Behind(), in.SchedulingDelay.Count(), in.SchedulingDelay.Max(), want)
		}
		sum.Add(in.SchedulingDelay)
	}
	if !sum.Equal(tl.result.SchedulingDelay) {
		t.Errorf("got %d delays in the result, want %d", tl.result.SchedulingDelay.Count(), sum.Count())
	}
}
