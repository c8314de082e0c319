package load

import (
	"context"
	"errors"
	"testing"
	"time"

	"echod/echotest"
	"echod/internal/dial"
)

// eachDriver runs f once for each driver.
func eachDriver(t *testing.T, f func(t *testing.T, run runner)) {
	for name, make := range drivers {
		t.Run(name, func(t *testing.T) {
			f(t, func(ctx context.Context, p Plan) (*Result, error) { return runWith(ctx, p, nil, make) })
		})
	}
}

type runner func(context.Context, Plan) (*Result, error)

// planFor returns a short plan for a test that puts load on the server at url. Such tests
// are skipped in short mode.
func planFor(t *testing.T, url, sizes string) Plan {
	t.Helper()
	if testing.Short() {
		t.Skip("puts load on a server, which takes too long for short mode")
	}
	return planOf(t, url, sizes)
}

// planOf returns a valid plan.
func planOf(t *testing.T, url, sizes string) Plan {
	t.Helper()
	target, err := dial.Parse(url)
	if err != nil {
		t.Fatal(err)
	}
	p := Plan{URL: url, Target: target, Conns: 5, Depth: 1, Duration: 200 * time.Millisecond,
		Timeout: 10 * time.Second, Verify: true, Seed: 1}
	if p.Sizes, err = ParseSizes(sizes); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestEveryNetworkIsPutUnderLoad(t *testing.T) {
	tcp, unix, udp := echotest.NewServer(t).URL(), echotest.NewUnixServer(t).URL(), echotest.NewUDPServer(t).URL()
	tests := []struct {
		name string
		plan func(p *Plan)
		url  string
		size string
	}{
		{"tcp, closed loop", func(p *Plan) {}, tcp, "64"},
		{"tcp, four in flight", func(p *Plan) { p.Depth = 4 }, tcp, "1-100KiB"},
		{"tcp, more than the buffers hold", func(p *Plan) { p.Depth, p.Conns, p.Duration, p.Messages = 4, 2, 0, 4 }, tcp, "4MiB"},
		{"tcp, open loop", func(p *Plan) { p.Rate = 500 }, tcp, "64:9,4KiB:1"},
		{"tcp, churn", func(p *Plan) { p.Churn = true }, tcp, "64"},
		{"tcp, churn on a schedule", func(p *Plan) { p.Churn, p.Rate = true, 100 }, tcp, "64"},
		{"tcp, not verified", func(p *Plan) { p.Verify = false }, tcp, "64"},
		{"unix, closed loop", func(p *Plan) {}, unix, "64"},
		{"unix, churn", func(p *Plan) { p.Churn = true }, unix, "64"},
		{"udp, closed loop", func(p *Plan) { p.Depth = 8 }, udp, "16-1400"},
		{"udp, open loop", func(p *Plan) { p.Rate = 500 }, udp, "64"},
	}
	eachDriver(t, func(t *testing.T, run runner) {
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				t.Parallel()
				p := planFor(t, tt.url, tt.size)
				tt.plan(&p)
				if p.Rate == 0 && p.Messages == 0 {
					p.Duration, p.Messages = 0, 100 // a busy machine may take long for them
				}
				r, err := run(t.Context(), p)
				if err != nil {
					t.Fatal(err)
				}
				if r.Messages == 0 || r.Wrong != nil || len(r.Errors) > 0 {
					t.Errorf("got %d messages, wrong %+v, errors %v; want some, nothing wrong, no errors", r.Messages, r.Wrong, r.Errors)
				}
				if got := r.Intervals[0].Conns; !p.Churn && got != p.Conns {
					t.Errorf("got %d connections, want %d", got, p.Conns)
				}
				if r.Latency.Count() != r.Messages || r.Latency.Quantile(0.5) <= 0 {
					t.Errorf("got %d latencies of %d messages, p50 %v", r.Latency.Count(), r.Messages, r.Latency.Quantile(0.5))
				}
				if lost := r.Datagrams; p.Rate > 0 && lost == nil && r.Messages != r.Sent {
					t.Errorf("open loop: got %d of %d messages back; want all of them", r.Messages, r.Sent)
				}
			})
		}
	})
}

func TestNumberOfMessagesEndsARun(t *testing.T) {
	url := echotest.NewServer(t).URL()
	eachDriver(t, func(t *testing.T, run runner) {
		for _, rate := range []float64{0, 2000} {
			p := planFor(t, url, "64")
			p.Duration, p.Messages, p.Rate = 0, 100, rate
			r, err := run(t.Context(), p)
			if err != nil {
				t.Fatal(err)
			}
			// In a closed loop other answers may come while the last one is counted.
			if r.Messages < 100 || rate > 0 && r.Messages != 100 {
				t.Errorf("rate %g: got %d messages, want 100", rate, r.Messages)
			}
		}
	})
}

func TestServiceThatIsNotThereIsOneError(t *testing.T) {
	eachDriver(t, func(t *testing.T, run runner) {
		_, err := run(t.Context(), planFor(t, "tcp://127.77.0.9:9", "64"))
		var unreachable *dial.UnreachableError
		if !errors.As(err, &unreachable) || unreachable.Class != dial.Refused {
			t.Errorf("got %v, want refused", err)
		}
	})
}

func TestInterruptedRunReturnsWhatWasMeasured(t *testing.T) {
	url := echotest.NewServer(t).URL()
	eachDriver(t, func(t *testing.T, run runner) {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		p := planFor(t, url, "64")
		p.Duration = time.Hour
		r, err := run(ctx, p)
		if err != nil || !r.Interrupted || r.Messages == 0 {
			t.Errorf("got %+v, %v; want some messages, interrupted", r, err)
		}
	})
}
