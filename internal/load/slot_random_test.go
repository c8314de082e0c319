package load

import (
	"testing"

	"pgregory.net/rapid"

	"echod/internal/dial"
)

// Whatever happens to a connection, each message of the schedule has one outcome, or is
// still waiting for it.
func TestEachScheduledMessageHasOneOutcome(t *testing.T) {
	plans := map[string]func(*Plan){"tcp": openLoop, "tcp, churn": churnOpenLoop, "udp": both(udp, openLoop)}
	for name, plan := range plans {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				r := newSlotRig(nil, plan)
				r.start(0)
				for range rapid.IntRange(1, 100).Draw(t, "steps") {
					r.time += rapid.Int64Range(0, 400*ms).Draw(t, "pause")
					switch rapid.IntRange(0, 8).Draw(t, "step") {
					case 0, 1, 2:
						r.due()
					case 3:
						if r.state == connecting {
							r.connected(r.time)
						}
					case 4:
						if r.state == connecting {
							r.connectFailed(r.time, dial.Refused)
						}
					case 5:
						if n := r.stream.written - r.stream.echoed; n > 0 {
							r.echo(int(rapid.Int64Range(1, n).Draw(t, "bytes")))
						} else if len(r.sent) > 0 {
							r.receivedDatagram(r.time, rapid.SampledFrom(r.sent).Draw(t, "datagram"))
						}
					case 6:
						r.ended(r.time)
					case 7:
						r.lost(r.time, dial.Reset)
					case 8:
						r.expire(r.time)
					}
					r.act()
					o := r.tally.outcomes
					waiting := int64(r.stream.pending.len() + r.datagrams.inFlight + r.unsent.len() + r.waiting.len())
					if o.due != o.settled()+waiting {
						t.Fatalf("%v: got %+v and %d waiting for an outcome", r.log, o, waiting)
					}
				}
			})
		})
	}
}
