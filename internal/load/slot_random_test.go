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
				path := datagramPath{slotRig: r, ended: map[int]bool{}, expired: map[int]bool{}}
				for range rapid.IntRange(1, 100).Draw(t, "steps") {
					r.time += rapid.Int64Range(0, 400*ms).Draw(t, "pause")
					switch rapid.IntRange(0, 9).Draw(t, "step") {
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
							path.deliver(t)
						}
					case 6:
						r.ended(r.time)
					case 7:
						r.lost(r.time, dial.Reset)
					case 8:
						path.expire()
					case 9:
						if rapid.IntRange(0, 9).Draw(t, "wrong byte") == 0 && !r.udp() {
							r.received(r.time, []byte("wrong"))
						}
					}
					r.act()
					path.remember()
					path.check(t)
				}
			})
		})
	}
}

// datagramPath is the path of the datagrams of a slot, and what became of each.
type datagramPath struct {
	*slotRig
	sentAt         []int64
	ended, expired map[int]bool // by number

	answered, lost, corrupt, duplicated, late, foreign int64
}

// remember notes when new datagrams were sent.
func (p *datagramPath) remember() {
	for len(p.sentAt) < len(p.sent) {
		p.sentAt = append(p.sentAt, p.time)
	}
}

// deliver has one of the datagrams arrive, perhaps damaged.
func (p *datagramPath) deliver(t *rapid.T) {
	n := rapid.IntRange(0, len(p.sent)-1).Draw(t, "datagram")
	arrives, changed := damaged(t, p.sent[n])
	up := p.state == open
	p.receivedDatagram(p.time, arrives)
	switch {
	case !up:
	case !sameHeader(arrives, p.sent[n]):
		p.foreign++
	case p.expired[n]:
		p.late++
	case p.ended[n]:
		p.duplicated++
	case changed || len(arrives) != len(p.sent[n]):
		p.corrupt, p.ended[n] = p.corrupt+1, true
	default:
		p.answered, p.ended[n] = p.answered+1, true
	}
}

// expire lets the slot look for timeouts.
func (p *datagramPath) expire() {
	p.slotRig.expire(p.time)
	for n, at := range p.sentAt {
		if !p.ended[n] && at < p.time-int64(p.Timeout) {
			p.lost, p.ended[n], p.expired[n] = p.lost+1, true, true
		}
	}
}

func (p *datagramPath) check(t *rapid.T) {
	o, r := p.tally.outcomes, p.tally.result
	waiting := int64(p.stream.pending.len() + p.datagrams.inFlight + p.unsent.len() + p.waiting.len())
	if o.due != o.settled()+waiting {
		t.Fatalf("%v: got %+v and %d waiting for an outcome", p.log, o, waiting)
	}
	if !p.udp() {
		return
	}
	want := [...]int64{p.answered, p.lost, p.corrupt, p.duplicated, p.late, p.foreign}
	if got := [...]int64{o.answered, o.lost, r.Failed[dial.Corrupt], r.Duplicated, r.Late, r.Foreign}; got != want {
		t.Fatalf("%v: got %d answered, lost, corrupt, duplicated, late, foreign; want %d", p.log, got, want)
	}
}
