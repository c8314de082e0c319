package spread

import (
	"context"
	"fmt"
	"time"
)

// offset is where the clock of a worker is on the clock of the coordinator, as several exchanges
// have shown: the true offset is within uncertainty of at.
type offset struct {
	at          time.Time     // when the clock of the worker was 0, on the monotonic clock of the coordinator
	uncertainty time.Duration // half of the shortest round trip
}

// exchange is one ping and its pong.
type exchange struct {
	sent, received time.Time
	clock          int64 // of the worker, between them
}

// compare returns the offset that the exchange with the shortest round trip shows: the worker read
// its clock at some time between sent and received.
func compare(all []exchange) offset {
	best := all[0]
	for _, e := range all[1:] {
		if e.received.Sub(e.sent) < best.received.Sub(best.sent) {
			best = e
		}
	}
	half := best.received.Sub(best.sent) / 2
	return offset{best.sent.Add(half - time.Duration(best.clock)), half}
}

// local returns when the clock of the worker had this value, on the clock of the coordinator.
func (o offset) local(clock int64) time.Time { return o.at.Add(time.Duration(clock)) }

// remote returns the value of the worker's clock at a time of the coordinator's.
func (o offset) remote(at time.Time) int64 { return int64(at.Sub(o.at)) }

// compareClocks exchanges pings with the worker.
func (m *member) compareClocks(ctx context.Context) error {
	var all []exchange
	for n := 1; n <= pings; n++ {
		e := exchange{sent: time.Now()}
		if err := m.tell(request{Ping: n}); err != nil {
			return err
		}
		r, err := m.next(ctx)
		e.received = time.Now()
		switch {
		case err != nil:
			return err
		case r.Pong == nil || r.Pong.N != n:
			return m.fail(errUnasked)
		case r.Pong.Clock < 0 || n > 1 && r.Pong.Clock < all[n-2].clock:
			return m.fail(fmt.Errorf("has a clock that goes back: %d ns", r.Pong.Clock))
		}
		e.clock = r.Pong.Clock
		all = append(all, e)
	}
	m.offset = compare(all)
	return nil
}
