package spread

import (
	"math/rand/v2"
	"testing"
	"time"

	"echod/internal/load"
	"echod/internal/usage"
)

func mustRate(t *testing.T, text string) load.Rate {
	t.Helper()
	r, err := load.ParseRate(text)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestSharesAddUpToExactlyThePlan adds all shares up, for random plans.
func TestSharesAddUpToExactlyThePlan(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		n := 1 + random.IntN(40)
		whole := messages(t, "tcp://127.0.0.1:7", n+random.IntN(1000), 0)
		whole.Duration, whole.ConnectRate = time.Hour, random.Float64()*1e4
		whole.Rate = load.PerSecond(float64(1 + random.IntN(100_000)))
		switch random.IntN(4) {
		case 0:
			whole.Rate = load.PerSecond(random.ExpFloat64() * 1000)
		case 1:
			whole.Rate = mustRate(t, "0..333.3/30m,7/30m")
		case 2:
			whole.Rate, whole.Messages, whole.Duration = load.Rate{}, int64(n+random.IntN(1000)), 0
		}
		shares, err := Share(whole, n)
		if err != nil {
			t.Fatalf("%+v: %v", whole, err)
		}
		sum := shares[0]
		for i, s := range shares[1:] {
			sum.Conns, sum.Messages, sum.ConnectRate, sum.Rate = sum.Conns+s.Conns, sum.Messages+s.Messages, sum.ConnectRate+s.ConnectRate, sum.Rate.Plus(s.Rate)
			if s.Seed == shares[i].Seed || s.Conns > shares[i].Conns || s.Messages > shares[i].Messages {
				t.Fatalf("share %d has seed %d, %d connections and %d messages after one with %d, %d and %d", i+1,
					s.Seed, s.Conns, s.Messages, shares[i].Seed, shares[i].Conns, shares[i].Messages)
			}
		}
		if sum.Conns != whole.Conns || sum.Messages != whole.Messages || sum.ConnectRate != whole.ConnectRate || !sum.Rate.Equal(whole.Rate) {
			t.Fatalf("%d shares of %d connections at %v, %d messages, %v add up to %d, %v, %d, %v", n,
				whole.Conns, whole.ConnectRate, whole.Messages, whole.Rate, sum.Conns, sum.ConnectRate, sum.Messages, sum.Rate)
		}
	}
}

// TestSharesSendWhenOneMachineWould: the schedules of all shares have together as many messages as the
// plan, at each time.
func TestSharesSendWhenOneMachineWould(t *testing.T) {
	t.Parallel()
	for _, rate := range []string{"1000", "333.3", "7", "100..1000/20s,0/5s,500/5s"} {
		for _, n := range []int{1, 2, 3, 7} {
			whole := messages(t, "tcp://127.0.0.1:7", n, 0)
			whole.Rate, whole.Duration = mustRate(t, rate), 30*time.Second
			shares, err := Share(whole, n)
			if err != nil {
				t.Fatal(err)
			}
			for at := time.Duration(0); at <= whole.Duration; at += 700 * time.Millisecond {
				var sum int64
				for _, s := range shares {
					sum += s.Scheduled(at)
				}
				if want := whole.Scheduled(at); sum != want {
					t.Errorf("%d shares of %s have %d messages in %s, want %d", n, rate, sum, at, want)
				}
			}
		}
	}
}

func TestPlanThatCannotBeSharedIsRefused(t *testing.T) {
	t.Parallel()
	good := messages(t, "tcp://127.0.0.1:7", 4, 10)
	for name, change := range map[string]func(*load.Plan){
		"fewer connections than workers": func(p *load.Plan) { p.Conns = 3 },
		"fewer connections than threads": func(p *load.Plan) { p.Conns, p.Threads = 7, 2 },
		"fewer messages than workers":    func(p *load.Plan) { p.Messages = 3 },
		"a unix socket":                  func(p *load.Plan) { p.Target.Network = "unix" },
		"a process of this machine":      func(p *load.Plan) { p.ServerPID = 1 },
		"an interface of this machine":   func(p *load.Plan) { p.Socket.Interface = "lo" },
		"too long":                       func(p *load.Plan) { p.Messages, p.Duration = 0, MaxDuration+1 },
		"too long by its messages":       func(p *load.Plan) { p.Messages, p.Rate = 1e9, load.PerSecond(10) },
		"not a plan at all":              func(p *load.Plan) { p.Depth = 0 },
	} {
		p := good
		change(&p)
		if _, err := Share(p, 4); !isUsage(err) {
			t.Errorf("%s: got %v, want a *usage.Error", name, err)
		}
	}
	if _, err := Share(good, 4); err != nil {
		t.Error(err)
	}
}

func isUsage(err error) bool {
	_, ok := err.(*usage.Error)
	return ok
}
