package spread

import (
	"errors"
	"testing"
	"time"

	"echod/echotest"
	"echod/internal/dial"
	"echod/internal/load"
)

// TestEveryKindOfLoadIsBelieved puts real loads on real services: a result that is true must pass all
// checks.
func TestEveryKindOfLoadIsBelieved(t *testing.T) {
	t.Parallel()
	honest, udp, secure := echotest.NewServer(t).URL(), echotest.NewUDPServer(t).URL(), echotest.NewTLSServer(t)
	const short = 300 * time.Millisecond
	for _, tt := range []struct {
		name   string
		url    string
		change func(*load.Plan)
		check  func(*load.Result) bool
	}{
		{"messages", honest, func(p *load.Plan) { p.Messages = 301 }, answered(301)},
		{"a duration", honest, func(p *load.Plan) { p.Duration, p.Warmup = short, short/3 }, nil},
		{"a rate", honest, func(p *load.Plan) { p.Duration, p.Rate = short, load.PerSecond(1000) }, due(300)},
		{"a rate with a fraction", honest, func(p *load.Plan) { p.Duration, p.Rate, p.Warmup = short, load.PerSecond(333.3), short/3 }, nil},
		{"stages", honest, func(p *load.Plan) { p.Rate = mustRate(t, "100..1000/200ms,0/50ms,500/50ms"); p.Duration = short }, nil},
		{"a rate and messages", honest, func(p *load.Plan) { p.Messages, p.Rate = 100, load.PerSecond(1000) }, answered(100)},
		{"a warm-up and messages", honest, func(p *load.Plan) { p.Messages, p.Warmup = 100, short/3 }, answered(100)},
		{"depth and sizes", honest, func(p *load.Plan) { p.Messages, p.Depth, p.Sizes = 200, 4, mustSizes(t, "1-4KiB:3,64KiB:1") }, answered(200)},
		{"churn", honest, func(p *load.Plan) { p.Messages, p.Churn = 60, true }, answered(60)},
		{"datagrams", udp, func(p *load.Plan) { p.Messages = 200 }, nil},
		{"datagrams on a schedule", udp, func(p *load.Plan) { p.Duration, p.Rate = short, load.PerSecond(500) }, due(150)},
		{"TLS", secure.URL(), func(p *load.Plan) { p.Messages = 100 }, answered(100)},
		{"connects at a rate", honest, func(p *load.Plan) { p.Messages, p.ConnectRate = 100, 100 }, answered(100)},
		{"a service that does not answer", echotest.NewBroken(t, echotest.AnswersAfterFIN()).URL(),
			func(p *load.Plan) { p.Duration, p.Rate, p.Timeout = short, load.PerSecond(100), short }, nil},
		{"a service that closes", echotest.NewBroken(t, echotest.ClosesAfterFirstAnswer()).URL(), func(p *load.Plan) { p.Messages = 60 }, nil},
		{"a wrong byte", echotest.NewBroken(t, echotest.SendsZeros()).URL(), func(p *load.Plan) { p.Sizes, p.Duration = mustSizes(t, "8KiB"), 20*time.Second },
			func(r *load.Result) bool { return r.Wrong != nil }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var targets []dial.Target
			for range 3 {
				target, _ := serve(t, &Worker{})
				targets = append(targets, target)
			}
			p := messages(t, tt.url, 8, 0)
			tt.change(&p)
			c := coordinate(targets...)
			c.Insecure = true
			sum, err := c.Run(t.Context(), p, nil)
			for tries := 0; tries < 10 && refusedAs(err, KindLoad); tries++ { // a connect took longer than a short timeout
				sum, err = c.Run(t.Context(), p, nil)
			}
			if sum == nil {
				t.Fatal(err)
			}
			if len(sum.Parts) != 3 || sum.Due == 0 || tt.check != nil && (err != nil || !tt.check(sum)) {
				t.Errorf("due %d, answered %d, %d parts, wrong %v; %v", sum.Due, sum.Answered, len(sum.Parts), sum.Wrong, err)
			}
		})
	}
}

// refusedAs reports whether err is a refusal of that kind.
func refusedAs(err error, kind Kind) bool {
	refused, ok := errors.AsType[*Refusal](err)
	return ok && refused.Kind == kind
}

func answered(n int64) func(*load.Result) bool {
	return func(r *load.Result) bool { return r.Due == n && r.Answered == n && r.Latency.Count() == n }
}

func due(n int64) func(*load.Result) bool { return func(r *load.Result) bool { return r.Due == n } }

func mustSizes(t *testing.T, text string) load.Sizes {
	t.Helper()
	s, err := load.ParseSizes(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
