package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"echod/internal/dial"
	"echod/internal/hist"
	"echod/internal/load"
	"echod/internal/report"
)

// measured returns the result of a plan whose messages all have one latency, and were all sent with
// one delay.
func measured(plan load.Plan, latency, delay time.Duration) *load.Result {
	rate, _ := plan.Rate.Constant()
	r := &load.Result{Format: load.Format, Plan: plan, Seconds: 1, Latency: hist.New(), SchedulingDelay: hist.New()}
	for range 1000 {
		r.Latency.Record(latency)
		r.SchedulingDelay.Record(delay)
	}
	r.Due = max(1000, int64(rate))
	r.Answered, r.AnsweredInTime = r.Due, r.Due
	return r
}

// searchOf returns a search by the flags, whose steps run measures.
func searchOf(t *testing.T, run func(load.Plan) (*load.Result, error), args ...string) *rateSearch {
	t.Helper()
	f, cmd := newBenchFlags(), &cobra.Command{}
	f.register(cmd, &Process{})
	if err := cmd.ParseFlags(append(args, "tcp://127.0.0.1:7")); err != nil {
		t.Fatal(err)
	}
	plan, err := f.planFor(cmd.Flags().Arg(0))
	if err != nil {
		t.Fatal(err)
	}
	return &rateSearch{findFlags: &f.find, plan: plan, fixed: f.plan.Duration, run: run, show: func(report.Step) error { return nil }}
}

// slowAbove is a service that has a latency of 1 ms up to a rate, and of 20 ms above it. Above
// another rate, the generator is behind.
func slowAbove(capacity, generator float64) func(load.Plan) (*load.Result, error) {
	return func(plan load.Plan) (*load.Result, error) {
		rate, _ := plan.Rate.Constant()
		latency := time.Millisecond
		if rate > capacity {
			latency = 20 * time.Millisecond
		}
		r := measured(plan, latency, time.Microsecond)
		if rate > generator {
			r.Behind = &load.Behind{Target: rate, Achieved: generator}
		}
		return r, nil
	}
}

func TestSearchIsReportedWithItsExitCode(t *testing.T) {
	broken := errors.New("interrupted")
	after := func(n int, err error, run func(load.Plan) (*load.Result, error)) func(load.Plan) (*load.Result, error) {
		return func(plan load.Plan) (*load.Result, error) {
			if n--; n < 0 {
				return nil, err
			}
			return run(plan)
		}
	}
	tests := []struct {
		name string
		args string
		run  func(load.Plan) (*load.Result, error)
		code Code
		want string
	}{
		{"found", "--find p99<5ms --find-start 1000", slowAbove(11000, 1e9), OK,
			"found: 11,000/s. 5 of 5 repeats met p99<5ms and success_ratio>99.9%, and 11,500/s did not. The median of p99 is 1.00 ms (1.00 ms to 1.00 ms with 93.8 % confidence)"},
		{"a coarse search", "--find p99<5ms --find-start 1000 --find-precision 50%", slowAbove(11000, 1e9), OK,
			"found: 8,000/s. 5 of 5 repeats met p99<5ms and success_ratio>99.9%, and 12,000/s did not. The median of"},
		{"other limits", "--find p50<5ms --find failed<1 --find-start 1000", slowAbove(11000, 1e9), OK,
			"found: 11,000/s. 5 of 5 repeats met p50<5ms and failed<1, and 11,500/s did not. The median of p50"},
		{"a closed loop decides on the lowest rate", "--find p99<5ms --find-max 100", slowAbove(11000, 1e9), OK,
			"maximum: 100/s, the highest rate of the search, is met: 5 of 5 repeats met"},
		{"not met", "--find p99<5ms --find-start 20000", slowAbove(11000, 1e9), Failed,
			"not met: 20,000/s does not meet p99<5ms and success_ratio>99.9%, and is the lowest rate of the search"},
		{"the generator is the limit", "--find p99<5ms --find-start 1000", slowAbove(1e9, 11000), Unknown,
			"inconclusive: the generator, and not the server, was the limit at 11,500/s. The server can do at least 11,000/s: 5 of 5 repeats met"},
		{"the generator is too slow for any rate", "--find p99<5ms --find-start 1000", slowAbove(1e9, 10), Unknown,
			"inconclusive: the generator, and not the server, was the limit, even at 1,000/s"},
		{"interrupted", "--find p99<5ms --find-start 1000", after(3, &exitError{130, broken}, slowAbove(11000, 1e9)), 130,
			"the search ended early: interrupted. The highest rate that met p99<5ms and success_ratio>99.9% so far is 4,000/s"},
		{"interrupted at once", "--find p99<5ms", after(1, &exitError{130, broken}, slowAbove(11000, 1e9)), 130,
			"the search ended early: interrupted. No rate has met p99<5ms and success_ratio>99.9%"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := searchOf(t, tt.run, strings.Fields(tt.args)...)
			err := s.find()
			if got := codeOf(findError(s.doc, err)); got != tt.code {
				t.Errorf("exit code: got %d, want %d", got, tt.code)
			}
			if !strings.HasPrefix(s.doc.Summary, tt.want) {
				t.Errorf("got  %s\nwant %s", s.doc.Summary, tt.want)
			}
		})
	}
}

func TestWrongByteEndsASearch(t *testing.T) {
	steps := 0
	s := searchOf(t, func(plan load.Plan) (*load.Result, error) {
		r := measured(plan, time.Millisecond, 0)
		if steps++; steps == 3 {
			r.Wrong = new(load.Wrong)
		}
		return r, nil
	}, "--find", "p99<5ms")
	err := s.find()
	if codeOf(findError(s.doc, err)) != Failed || len(s.doc.Steps) != 3 {
		t.Errorf("got %v after %d steps, want exit code 1 after 3", err, len(s.doc.Steps))
	}
}

func TestServiceThatAnswersNothingAtARateHasBrokenTheLimits(t *testing.T) {
	unreachable := &dial.UnreachableError{Target: "tcp://127.0.0.1:7", Class: dial.Timeout, Err: errors.New("none of 20 messages came back")}
	s := searchOf(t, func(plan load.Plan) (*load.Result, error) {
		if rate, _ := plan.Rate.Constant(); rate <= 1000 {
			return measured(plan, time.Millisecond, 0), nil
		}
		return &load.Result{Plan: plan, Seconds: 1, Due: 20, Failed: load.Classes{dial.Timeout: 20}, Latency: hist.New(), SchedulingDelay: hist.New()}, unreachable
	}, "--find", "p99<5ms", "--find-start", "1000", "--find-precision", "50%")
	if err := s.find(); err != nil || s.doc.Rate != 1000 {
		t.Errorf("got %g, %v; want 1000", s.doc.Rate, err)
	}

	for name, seconds := range map[string]float64{"nothing listens": 0, "nothing comes back": 1} {
		s = searchOf(t, func(plan load.Plan) (*load.Result, error) {
			return &load.Result{Plan: plan, Seconds: seconds, Latency: hist.New()}, unreachable
		}, "--find", "p99<5ms")
		if err := s.find(); codeOf(findError(s.doc, err)) != Unknown || len(s.doc.Steps) != 1 {
			t.Errorf("%s: got %v after %d steps, want exit code 3 after 1", name, err, len(s.doc.Steps))
		}
	}
}

func TestOutcomeOfAStep(t *testing.T) {
	f := newBenchFlags()
	for _, text := range []string{"p99<5ms", "success_ratio>99%"} {
		limit, err := parseThreshold(text, benchMeasures)
		if err != nil {
			t.Fatal(err)
		}
		f.find.limits = append(f.find.limits, limit)
	}
	failed := func(r *load.Result) { r.Answered, r.Failed = r.Due-100, load.Classes{dial.Reset: 100} }
	tests := []struct {
		name           string
		latency, delay time.Duration
		change         func(*load.Result)
		want           string
	}{
		{"met", time.Millisecond, time.Microsecond, nil, "met"},
		{"slow", 6 * time.Millisecond, time.Microsecond, nil, "broken"},
		{"failures", time.Millisecond, time.Microsecond, failed, "broken"},
		{"too few in time", time.Millisecond, time.Microsecond, func(r *load.Result) { r.Behind = &load.Behind{Target: 1000, Achieved: 900} }, "inconclusive"},
		{"behind and slow", 6 * time.Millisecond, time.Microsecond, func(r *load.Result) { r.Behind = &load.Behind{Target: 1000, Achieved: 1000} }, "inconclusive"},
		{"behind, and yet met", time.Millisecond, 20 * time.Millisecond, func(r *load.Result) { r.Behind = &load.Behind{Target: 1000, Achieved: 1000} }, "met"},
		{"half of the limit is the generator's", 6 * time.Millisecond, 3 * time.Millisecond, nil, "inconclusive"},
		{"less than half is", 6 * time.Millisecond, 2 * time.Millisecond, nil, "broken"},
		{"a slow generator, and failures", 6 * time.Millisecond, 3 * time.Millisecond, failed, "broken"},
		{"no ports", time.Millisecond, time.Microsecond, func(r *load.Result) { r.Answered, r.Failed = r.Due-100, load.Classes{dial.Local: 100} }, "inconclusive"},
		{"no ports, and yet met", time.Millisecond, time.Microsecond, func(r *load.Result) { r.ConnectsFailed = load.Classes{dial.Local: 1} }, "met"},
		{"a slow generator, and yet met", 4 * time.Millisecond, 3 * time.Millisecond, nil, "met"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := measured(load.Plan{}, tt.latency, tt.delay)
			if tt.change != nil {
				tt.change(r)
			}
			if got := f.find.outcome(r); string(got) != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestStepIsLongEnoughForItsQuantile(t *testing.T) {
	tests := []struct {
		args string
		rate float64
		want time.Duration
	}{
		{"--find p99<5ms", 100000, 2 * time.Second},
		{"--find p99<5ms", 100, 10 * time.Second},
		{"--find p99<5ms", 1, 20 * time.Second},
		{"--find p99.9<5ms", 1000, 10 * time.Second},
		{"--find p99.99<5ms --find p50<1ms", 10000, 10 * time.Second},
		{"--find p99.9<5ms --duration 1s", 1000, time.Second},
	}
	for _, tt := range tests {
		var got time.Duration
		s := searchOf(t, func(plan load.Plan) (*load.Result, error) {
			got = plan.Duration
			return measured(plan, time.Millisecond, 0), nil
		}, append(strings.Fields(tt.args), "--find-start", fmt.Sprint(tt.rate), "--find-max", fmt.Sprint(tt.rate))...)
		if err := s.find(); err != nil || got != tt.want {
			t.Errorf("%s at %g: got %v, %v; want %v", tt.args, tt.rate, got, err, tt.want)
		}
	}
}

func TestSearchWarnsOfStepsWithFewMessages(t *testing.T) {
	run := func(plan load.Plan) (*load.Result, error) {
		r := measured(plan, time.Millisecond, 0)
		r.Due, r.Answered, r.AnsweredInTime = 500, 500, 500
		return r, nil
	}
	s := searchOf(t, run, "--find", "p99<5ms", "--find-start", "250", "--find-max", "250", "--duration", "2s")
	if err := s.find(); err != nil {
		t.Fatal(err)
	}
	want := "few: a step had 500 messages, of which a quantile says little: want 1,000, so a --duration of at least 4s"
	if len(s.doc.Warnings) != 1 || s.doc.Warnings[0] != want {
		t.Errorf("got %q, want %q", s.doc.Warnings, want)
	}
	var stderr strings.Builder
	p := &Process{Stdout: io.Discard, Stderr: &stderr, Getenv: func(string) string { return "" }}
	if err := s.deliver(p, "json", nil); err != nil || !strings.Contains(stderr.String(), want+"\n") {
		t.Errorf("standard error: got %q, %v; want the warning", stderr.String(), err)
	}
}
