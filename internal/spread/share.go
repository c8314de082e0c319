package spread

import (
	"fmt"
	"math"

	"echod/internal/draw"
	"echod/internal/load"
	"echod/internal/usage"
)

// Share divides whole into n plans, whose sum is whole: the connections, the rate, the rate of
// connects and the number of messages are divided, the first plans get what remains, and each has
// a seed of its own. The error is a *usage.Error if whole cannot be carried out by n workers.
func Share(whole load.Plan, n int) ([]load.Plan, error) {
	if err := whole.Check(); err != nil {
		return nil, err
	}
	if err := remote(whole); err != nil {
		return nil, err
	}
	switch {
	case n < 1 || n > MaxWorkers:
		return nil, usage.New(fmt.Sprintf("%d workers", n), fmt.Sprintf("want 1 to %d", MaxWorkers))
	case whole.Conns < n:
		return nil, usage.New(fmt.Sprintf("--conns %d for %d workers", whole.Conns, n), "want at least a connection for each worker")
	case whole.Conns < n*whole.Threads:
		return nil, usage.New(fmt.Sprintf("--conns %d for %d workers with --threads %d", whole.Conns, n, whole.Threads), "want at least a connection for each thread")
	case whole.Messages > 0 && whole.Messages < int64(n):
		return nil, usage.New(fmt.Sprintf("--messages %d for %d workers", whole.Messages, n), "want at least a message for each worker")
	}
	var shares []load.Plan
	for i := range n {
		share := whole
		share.Conns = int(part(int64(whole.Conns), n, i))
		share.Messages = part(whole.Messages, n, i)
		share.ConnectRate = partOfRate(whole.ConnectRate, n, i)
		share.Rate = whole.Rate.Map(func(perSecond float64) float64 { return partOfRate(perSecond, n, i) })
		if !whole.Rate.IsZero() {
			share.Phase = float64(i) / float64(n) // together, they send when one machine would
		}
		share.Seed = whole.Seed + uint64(i)
		if err := share.Check(); err != nil {
			return nil, fmt.Errorf("the share of worker %d of %d: %w", i+1, n, err)
		}
		shares = append(shares, share)
	}
	return shares, nil
}

// remote returns an error if a plan has something that a worker does not do for a coordinator.
func remote(p load.Plan) error {
	perSecond, _ := p.Rate.Constant()
	for _, mistake := range []struct {
		made      bool
		got, want string
	}{
		{p.Target.Network == "unix", "a unix socket as the target of workers", "want tcp://, tls:// or udp://, to which workers on other machines can connect"},
		{p.ServerPID != 0, "--server-pid with workers", "omit it: the process is one of this machine"},
		{len(p.Sources) > 0, "--source with workers", "omit it: the addresses are those of this machine"},
		{p.Socket.Interface != "", "--interface with workers", "omit it: the interface is one of this machine"},
		{p.Warmup+p.Duration > MaxDuration, "a load of " + draw.Brief(p.Warmup+p.Duration) + " with workers", "want at most " + draw.Brief(MaxDuration)},
		{perSecond > 0 && float64(p.Messages)/perSecond > MaxDuration.Seconds(), fmt.Sprintf("%d messages at %g per second with workers", p.Messages, perSecond),
			"want what takes at most " + draw.Brief(MaxDuration)},
	} {
		if mistake.made {
			return usage.New(mistake.got, mistake.want)
		}
	}
	return nil
}

// part returns part i of n of a whole number. The first parts are larger by one if a rest remains.
func part(whole int64, n, i int) int64 {
	share := whole / int64(n)
	if int64(i) < whole%int64(n) {
		share++
	}
	return share
}

// partOfRate returns part i of n of a rate. The parts are equal, but for the last bit, and add up to
// exactly the rate, in any order: they are multiples of the smallest difference of floating-point
// numbers near the rate.
func partOfRate(rate float64, n, i int) float64 {
	const mantissa = 53 // bits of a float64
	fraction, exponent := math.Frexp(rate)
	return math.Ldexp(float64(part(int64(math.Ldexp(fraction, mantissa)), n, i)), exponent-mantissa)
}
