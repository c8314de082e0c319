package load

import (
	"echod/internal/usage"
	"errors"
	"math"
	"net/netip"
	"testing"
	"time"
)

func TestCheckFindsWhatIsWrongInAPlan(t *testing.T) {
	sizes := func(text string) Sizes {
		s, err := ParseSizes(text)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	udp := func(p *Plan) { p.Target.Network = "udp" }
	tests := []struct {
		name string
		plan func(p *Plan)
		ok   bool
	}{
		{"as it is", func(p *Plan) {}, true},
		{"no connection", func(p *Plan) { p.Conns = 0 }, false},
		{"one connection", func(p *Plan) { p.Conns = 1 }, true},
		{"the most connections", func(p *Plan) { p.Conns = MaxConns }, true},
		{"one connection too many", func(p *Plan) { p.Conns = MaxConns + 1 }, false},
		{"no depth", func(p *Plan) { p.Depth = 0 }, false},
		{"the greatest depth", func(p *Plan) { p.Depth = MaxDepth }, true},
		{"too great a depth", func(p *Plan) { p.Depth = MaxDepth + 1 }, false},
		{"no sizes", func(p *Plan) { p.Sizes = Sizes{} }, false},
		{"the highest rate", func(p *Plan) { p.Rate = PerSecond(MaxRate) }, true},
		{"too high a rate", func(p *Plan) { p.Rate = PerSecond(MaxRate + 1) }, false},
		{"a negative rate", func(p *Plan) { p.Rate = PerSecond(-1) }, false},
		{"a rate that is not a number", func(p *Plan) { p.Rate = PerSecond(math.NaN()) }, false},
		{"stages as long as the measurement", func(p *Plan) { p.Rate = stages("1..9/1s,0/1s"); p.Duration = 2 * time.Second }, true},
		{"stages and another duration", func(p *Plan) { p.Rate = stages("1..9/1s"); p.Duration = 2 * time.Second }, false},
		{"stages and a number of messages", func(p *Plan) { p.Rate = stages("1..9/1s"); p.Duration, p.Messages = 0, 5 }, false},
		{"stages after a warm-up", func(p *Plan) { p.Rate = stages("1..9/1s"); p.Duration, p.Warmup = time.Second, time.Second }, false},
		{"a rate with a message in the measurement", func(p *Plan) { p.Rate, p.Warmup, p.Duration = PerSecond(0.1), 9*time.Second, 2*time.Second }, true},
		{"a rate without one", func(p *Plan) { p.Rate, p.Warmup, p.Duration = PerSecond(0.1), time.Second, time.Second }, false},
		{"the highest rate of connects", func(p *Plan) { p.ConnectRate = 1e8 }, true},
		{"too high a rate of connects", func(p *Plan) { p.ConnectRate = 1e8 + 1 }, false},
		{"a negative rate of connects", func(p *Plan) { p.ConnectRate = -1 }, false},
		{"an infinite rate of connects", func(p *Plan) { p.ConnectRate = math.Inf(1) }, false},
		{"a warm-up", func(p *Plan) { p.Warmup = 1 }, true},
		{"a negative warm-up", func(p *Plan) { p.Warmup = -1 }, false},
		{"a negative duration", func(p *Plan) { p.Duration, p.Messages = -1, 1 }, false},
		{"a number of messages", func(p *Plan) { p.Duration, p.Messages = 0, 1 }, true},
		{"a negative number of messages", func(p *Plan) { p.Messages = -1 }, false},
		{"two ends", func(p *Plan) { p.Messages = 5 }, false},
		{"no end", func(p *Plan) { p.Duration = 0 }, false},
		{"no timeout", func(p *Plan) { p.Timeout = 0 }, false},
		{"the shortest timeout", func(p *Plan) { p.Timeout = 1 }, true},
		{"the longest timeout", func(p *Plan) { p.Timeout = MaxTimeout }, true},
		{"a timeout that is longer than a latency can be", func(p *Plan) { p.Timeout = MaxTimeout + 1 }, false},
		{"a depth in a closed loop", func(p *Plan) { p.Depth = 2 }, true},
		{"rate and depth", func(p *Plan) { p.Rate, p.Depth = PerSecond(5), 2 }, false},
		{"churn", func(p *Plan) { p.Churn = true }, true},
		{"churn and depth", func(p *Plan) { p.Churn, p.Depth = true, 2 }, false},
		{"churn and a rate of connects", func(p *Plan) { p.Churn, p.ConnectRate = true, 1 }, false},
		{"churn over udp", func(p *Plan) { p.Churn = true; udp(p) }, false},
		{"a source", func(p *Plan) { p.Sources = []netip.Addr{netip.MustParseAddr("127.0.0.2")} }, true},
		{"a unix socket", func(p *Plan) { p.Target.Network = "unix" }, true},
		{"a source for a unix socket", func(p *Plan) {
			p.Target.Network, p.Sources = "unix", []netip.Addr{netip.MustParseAddr("127.0.0.2")}
		}, false},
		{"a long message", func(p *Plan) { p.Sizes = sizes("65508") }, true},
		{"a short message", func(p *Plan) { p.Sizes = sizes("1") }, true},
		{"the shortest and the longest datagram", func(p *Plan) { udp(p); p.Sizes = sizes("16-65507") }, true},
		{"a datagram without space for the header", func(p *Plan) { udp(p); p.Sizes = sizes("15-64") }, false},
		{"too long a datagram", func(p *Plan) { udp(p); p.Sizes = sizes("64-65508") }, false},
	}
	for _, tt := range tests {
		p := planOf(t, "tcp://127.0.0.1:7", "64")
		tt.plan(&p)
		err := p.Check()
		if tt.ok {
			if err != nil {
				t.Errorf("%s: got %v, want no error", tt.name, err)
			}
			continue
		}
		var wrong *usage.Error
		if !errors.As(err, &wrong) || wrong.Got == "" || wrong.Want == "" || err.Error() != wrong.Got+": "+wrong.Want {
			t.Errorf("%s: got %v, want a *usage.Error that says what is wrong and what would be right", tt.name, err)
		}
	}
}
