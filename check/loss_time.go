package check

import (
	"fmt"
	"slices"
	"time"
)

// This file finds out whether answers stop: whatever is sent later is lost, whatever its
// size. A loss at random does not look like that.

// freshSockets is how many new sockets send one datagram each, to find out whether a
// server that answers nothing any more ignores only the sources it knows.
const freshSockets = 5

// silence returns the failure of a server that answers nothing any more, or nothing but
// the first datagrams of each source; nil if neither is the case.
func (s *datagramSet) silence(probes []*datagramProbe) *failure {
	if !findStop(probes).found() && !findSourceLimit(probes).found() {
		return nil
	}
	busiest := slices.MaxFunc(probes, func(a, b *datagramProbe) int { return len(a.sent) - len(b.sent) })
	known := busiest.back
	fresh := s.sendFresh(busiest)
	stop, limit := findStop(probes), findSourceLimit(probes)
	if busiest.back > known {
		return nil // it was an outage
	}
	switch answered := fresh.sent - fresh.lost; {
	case answered > 0 && limit.found():
		return limitFailure(limit.index, limit.after, fresh)
	case answered > 0 && stop.found():
		return limitFailure(stop.before.sent, stop.after, fresh)
	case answered == 0 && stop.found():
		return stopFailure(stop.before, stop.after, fresh)
	}
	return nil
}

func limitFailure(first int, later, fresh lossTally) *failure {
	some := fmt.Sprintf("first %d datagrams", first)
	if first == 1 {
		some = "first datagram"
	}
	f := fail(Silent, "only the %s of a source came back, and none of %d later ones; of %d new sockets, %d got an answer",
		some, later.sent, fresh.sent, fresh.sent-fresh.lost)
	f.evidence = SourceLimit
	return f
}

func stopFailure(before, after, fresh lossTally) *failure {
	f := fail(Silent, "after %d datagrams nothing came back: of these, %v were lost, and all of %d later ones; none of %d new sockets got an answer",
		before.sent, before, after.sent, fresh.sent)
	f.evidence = Stopped
	return f
}

// sendFresh sends a datagram from each of freshSockets new sockets, and one more from
// known. It waits until all are answered, or for as long as answers may take.
func (s *datagramSet) sendFresh(known *datagramProbe) (fresh lossTally) {
	known.send()
	start := time.Now()
	var probes []*datagramProbe
	for range freshSockets {
		d, err := s.add(controlSize)
		if err != nil {
			break
		}
		d.send()
		probes = append(probes, d)
		s.p.pause(pauseSmall)
	}
	s.receiveUntil(func() time.Time { return s.expected(start, s.last) }, append(probes, known))
	return sumOf(probes)
}

// change is a moment or a number after which everything was lost.
type change struct {
	index         int // how many datagrams of a source were sent before
	before, after lossTally
}

// found reports whether the loss before does not explain that after.
func (c change) found() bool { return c.after.exceeds(c.before, 1) }

// findStop returns the loss before and after the last datagram that came back was sent.
func findStop(probes []*datagramProbe) (c change) {
	var last time.Time
	for _, d := range probes {
		for _, sent := range d.sent {
			if sent.back && sent.at.After(last) {
				last = sent.at
			}
		}
	}
	for _, d := range probes {
		for _, sent := range d.sent {
			c.add(sent, sent.at.After(last))
		}
	}
	return c
}

// findSourceLimit returns the loss of the first datagrams of each source, and of later ones: as
// many as the busiest source has sent up to the last one that came back.
func findSourceLimit(probes []*datagramProbe) (c change) {
	busiest := slices.MaxFunc(probes, func(a, b *datagramProbe) int { return len(a.sent) - len(b.sent) })
	for i, sent := range busiest.sent {
		if sent.back {
			c.index = i + 1
		}
	}
	for _, d := range probes {
		for i, sent := range d.sent {
			c.add(sent, i >= c.index)
		}
	}
	if c.after.lost < c.after.sent {
		return change{} // not a limit on each source
	}
	return c
}

func (c *change) add(sent sentDatagram, after bool) {
	t := lossTally{sent: 1}
	if !sent.back {
		t.lost = 1
	}
	if after {
		c.after = c.after.add(t)
	} else {
		c.before = c.before.add(t)
	}
}

// slower describes a path that loses most of what is sent fast, and less of what is sent
// slowly; "" if the loss does not depend on the rate.
func (t lossTally) slower(slow lossTally, passed float64) string {
	if t.excess(slow, 1) < minExcess || chance(slow, t, 1) > likely {
		return ""
	}
	return fmt.Sprintf("; of %d sent at %d/s, %d lost: something limits the rate, to about %.0f datagrams/s",
		slow.sent, time.Second/slowPause, slow.lost, passed)
}
