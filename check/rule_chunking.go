package check

import (
	"io"
	"slices"
	"time"
)

var chunking = Rule{
	ID:       "stream/chunking",
	Networks: streams,
	Sends:    "256 writes of one byte; then messages of 1, 4, 16, 32 and 64 KiB, each also with one byte less and one more; 1 MiB, or less on a slow path, in writes of an odd size; and messages of two bytes and of 32 KiB in turn",
	Expects:  "the same; a note says if small or large ones are held",
	Meaning:  "Bytes are lost or changed at a buffer boundary.",
	run:      runChunking,
}

func runChunking(p *probe) error {
	s, err := p.open()
	if err != nil {
		return err
	}
	defer s.Close()
	out, back := p.payload(0), p.payload(0)
	const singles = 256
	if err := s.expectWhile(func() error { return s.sendSingles(out, singles) }, back, singles); err != nil {
		return err
	}
	for _, kib := range []int{1, 4, 16, 32, 64} {
		for _, n := range []int{kib<<10 - 1, kib << 10, kib<<10 + 1} {
			if err := s.exchange(out, back, n); err != nil {
				return err
			}
		}
	}
	odd := int(p.path.carries(2*time.Second, 64<<10, 1<<20))
	start := time.Now()
	if err := s.exchangeOdd(out, back, odd); err != nil {
		return err
	}
	transfer := time.Since(start) * largeSize / time.Duration(odd)
	small, large, err := s.timeMessages(out, back)
	if err != nil {
		return err
	}
	p.compared = s.received
	if hold, why := heldTime(small, large); hold > 0 {
		p.setNote("messages of 2 bytes take %v longer than those of %s: %s", hold.Round(time.Millisecond), size(largeSize), why)
	} else if hold, why := heldTime(large, small); why == nagle && max(transfer, small[len(small)/2]) < hold/4 {
		// Neither the rate of the path nor its round trip time explains that.
		p.setNote("messages of %s take %v longer than those of 2 bytes: %s", size(largeSize), hold.Round(time.Millisecond), why)
	}
	return nil
}

// sendSingles sends n bytes of out, each with a write of its own.
func (s *stream) sendSingles(out io.Reader, n int) error {
	for range n {
		if err := s.send(nextBytes(out, 1)); err != nil {
			return err
		}
	}
	return nil
}

// largeSize is the size of the messages that are compared with small ones.
const largeSize = 32 << 10

// oddSize is a size of writes that is odd and fills no block of a power of two.
const oddSize = 16<<10 - 1

// exchangeOdd sends n bytes in writes of oddSize and reads at the same time, so that
// both directions of the path have bytes under way.
func (s *stream) exchangeOdd(out, back io.Reader, n int) error {
	send := func() error {
		for left := n; left > 0; left -= oddSize {
			if err := s.send(nextBytes(out, min(left, oddSize))); err != nil {
				return err
			}
		}
		return nil
	}
	return s.expectWhile(send, back, n)
}

// timeMessages returns the round trip times of small and of large messages, sorted. The
// two take turns, so that a busy path slows both. A small message is two writes of one
// byte: Nagle's algorithm holds the second until the first is acknowledged (RFC 9293,
// section 3.7.4).
func (s *stream) timeMessages(out, back io.Reader) (small, large []time.Duration, err error) {
	for i := range 12 {
		start := time.Now()
		if err := s.expectWhile(func() error { return s.sendSingles(out, 2) }, back, 2); err != nil {
			return nil, nil, err
		}
		small = append(small, time.Since(start))
		if i%2 == 1 {
			start = time.Now()
			if err := s.exchange(out, back, largeSize); err != nil {
				return nil, nil, err
			}
			large = append(large, time.Since(start))
		}
	}
	slices.Sort(small)
	slices.Sort(large)
	return small, large, nil
}

// minHold is the least difference that is reported. A busy machine causes smaller ones.
const minHold = 25 * time.Millisecond

const nagle = "Nagle's algorithm waits for a delayed ACK (set TCP_NODELAY on both connections of each proxy)"

// heldTime returns how much longer the messages of slow took than those of fast, and the
// likely reason. It returns 0 if they did not. The sorted times must differ clearly:
// three quarters of slow are longer than three quarters of fast.
func heldTime(slow, fast []time.Duration) (hold time.Duration, why string) {
	hold = slow[len(slow)/2] - fast[len(fast)/2]
	if hold < minHold || slow[len(slow)/4] <= fast[len(fast)*3/4] {
		return 0, ""
	}
	// The usual timers of delayed ACKs, in one direction or in both.
	for _, timer := range []time.Duration{40 * time.Millisecond, 80 * time.Millisecond, 200 * time.Millisecond, 400 * time.Millisecond} {
		if (hold - timer).Abs() <= timer/4 {
			return hold, nagle
		}
	}
	return hold, "something on the path holds them"
}
