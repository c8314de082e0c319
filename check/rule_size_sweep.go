package check

import (
	"errors"
	"fmt"
	"time"
)

var sizeSweep = Rule{
	ID:       "stream/size-sweep",
	Networks: streams,
	Sends:    "incompressible messages of 1 B to 1 MiB, in steps of 20 bytes from 1200 to 1500, each after the one before came back; those above 1500 also with one byte more, in writes of an odd size",
	Expects:  "the same",
	Meaning:  "Messages of some size do not come back as they were sent.",
	Causes: []Cause{
		{
			Classes:  []Class{Timeout},
			Evidence: []Evidence{SizeLimit},
			Meaning:  "Messages up to some size come back and longer ones hang: packets that are too long for the path are dropped silently.",
			Text:     "an MTU black hole: a tunnel or VPN with a smaller MTU than the ends assume, and a firewall that drops the ICMP messages which report it",
			Remedy:   "allow ICMP \"fragmentation needed\" and \"packet too big\", clamp the MSS (iptables -j TCPMSS --clamp-mss-to-pmtu), or lower the MTU",
		},
	},
	run: runSizeSweep,
}

// sweepSizes returns the sizes of the messages. They are closest together where the
// payload of a full packet ends: 1500 bytes minus the headers of IP, TCP and a tunnel
// or two.
func sweepSizes() []int {
	sizes := []int{1, 64, 256, 512, 1024}
	for n := 1200; n <= 1500; n += 20 {
		sizes = append(sizes, n)
	}
	for n := 2 << 10; n <= 1<<20; n *= 2 {
		sizes = append(sizes, n, n+1)
	}
	return sizes
}

func runSizeSweep(p *probe) error {
	s, err := p.open()
	if err != nil {
		return err
	}
	defer s.Close()
	out, back := p.payload(0), p.payload(0)
	good := 0
	sizes := sweepSizes()
	largest := int(p.path.carries(time.Second, 16<<10, int64(sizes[len(sizes)-1])))
	for _, n := range sizes {
		if n > largest {
			p.setNote("messages of up to %s, because the path carries %s/s", size(int64(good)), size(p.path.Rate))
			break
		}
		exchange := s.exchange
		if n%2 == 1 {
			exchange = s.exchangeOdd
		}
		if err := exchange(out, back, n); err != nil {
			return findLimit(p, good, n, err)
		}
		good = n
		p.compared = s.received
	}
	return nil
}

// findLimit bisects the size from which messages hang: one of good bytes came back,
// the one of bad bytes failed with err. It uses new connections with a shorter timeout.
func findLimit(p *probe, good, bad int, err error) error {
	var f *failure
	if !errors.As(err, &f) || f.class != Timeout || good == 0 || comesBack(p, bad) {
		return inCase(fmt.Sprintf("a message of %d bytes", bad), err)
	}
	for bad-good > max(1, good>>12) {
		if middle := good + (bad-good)/2; comesBack(p, middle) {
			good = middle
		} else {
			bad = middle
		}
	}
	limit := fail(Timeout, "messages of up to %d bytes come back, messages of %d bytes hang", good, bad)
	limit.evidence, limit.size, limit.on, limit.steps = SizeLimit, int64(bad), f.on, f.steps
	return limit
}

// comesBack reports whether one message of n bytes comes back on a new connection.
func comesBack(p *probe, n int) bool {
	s, err := p.open()
	if err != nil {
		return false
	}
	defer s.Close()
	s.timeout = max(p.Timeout/4, min(2*p.path.RoundTrip, p.Timeout))
	return s.exchange(p.payload(n), p.payload(n), n) == nil
}
