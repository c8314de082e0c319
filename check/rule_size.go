package check

import (
	"errors"
	"fmt"
)

var sizeSweep = Rule{
	ID:       "stream/size-sweep",
	Networks: streams,
	Sends:    "messages of 1 B to 1 MiB that cannot be compressed, every 20 bytes from 1200 to 1500, each when the one before is back",
	Expects:  "the same",
	Meaning:  "Messages come back up to some size and hang above it: packets that are too long for the path vanish.",
	run:      runSizeSweep,
}

// sweepSizes are closest together where the payload of a full packet ends: 1500
// bytes less the headers of IP, TCP and a tunnel or two.
func sweepSizes() []int {
	sizes := []int{1, 64, 256, 512, 1024}
	for n := 1200; n <= 1500; n += 20 {
		sizes = append(sizes, n)
	}
	for n := 2 << 10; n <= 1<<20; n *= 2 {
		sizes = append(sizes, n)
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
	for _, n := range sweepSizes() {
		if err := s.exchange(out, back, n); err != nil {
			return narrow(p, good, n, err)
		}
		good = n
	}
	return nil
}

// narrow says between which two sizes it begins to hang, if it does: messages of
// good bytes came back, the one of bad bytes failed by err. It asks on fresh
// connections, with less patience.
func narrow(p *probe, good, bad int, err error) error {
	var f *failure
	if !errors.As(err, &f) || f.class != Timeout || good == 0 || returns(p, bad) {
		return inCase(fmt.Sprintf("a message of %d bytes", bad), err)
	}
	for bad-good > max(1, good>>12) {
		if middle := good + (bad-good)/2; returns(p, middle) {
			good = middle
		} else {
			bad = middle
		}
	}
	return fail(Timeout, "messages of up to %d bytes come back, of %d bytes hang", good, bad)
}

// returns reports whether one message of n bytes comes back on a connection of its
// own.
func returns(p *probe, n int) bool {
	s, err := p.open()
	if err != nil {
		return false
	}
	defer s.Close()
	s.timeout = p.Timeout / 4
	return s.exchange(p.payload(n), p.payload(n), n) == nil
}
