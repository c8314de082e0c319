package check

import (
	"fmt"
	"time"
)

var halfClose = Rule{
	ID:       "stream/half-close",
	Networks: streams,
	Sends:    "data and a FIN: 1 B, 4 KiB, 256 KiB",
	Expects:  "all of it, then a FIN",
	Meaning:  "The reply to a client that has finished sending is lost (echo x | nc).",
	run:      runHalfClose,
}

func runHalfClose(p *probe) error {
	for i, n := range []int{1, 4 << 10, 256 << 10} {
		if err := exchangeAndFinish(p, i, n); err != nil {
			return inCase(size(int64(n)), err)
		}
	}
	return nil
}

func exchangeAndFinish(p *probe, i, n int) error {
	s, err := p.openHalfClosable()
	if err != nil {
		return err
	}
	defer s.Close()
	sendAndFinish := func() error {
		if err := s.sendFrom(p.payload(i), n); err != nil {
			return err
		}
		return s.finish()
	}
	if err := s.expectWhile(sendAndFinish, p.payload(i), n); err != nil {
		return err
	}
	return s.expectFin()
}

var halfCloseOwed = Rule{
	ID:       "stream/half-close-owed",
	Networks: streams,
	Sends:    "512 KiB and a FIN, and reads a second later; as much as is taken while nothing is read, a FIN, and reads; a half, a third and a quarter of that and a FIN, and reads a second later",
	Expects:  "all of it, then a FIN",
	Meaning:  "What is still owed when the client finishes is dropped: the tail of a long reply is lost.",
	stage:    stalled,
	run:      runHalfCloseOwed,
}

const (
	// fewOwed fit into the buffers on the way, so that the FIN gets through
	// while the bytes are still owed.
	fewOwed = 512 << 10
	// mostOwed do not: the server itself comes to a standstill, and the FIN
	// arrives long after the reader has begun.
	mostOwed = 32 << 20
	// standstill is when a writer that is not read counts as stalled. A busy
	// machine may take longer to take more; then a little less is owed.
	standstill = 300 * time.Millisecond
)

func runHalfCloseOwed(p *probe) error {
	if _, err := finishOwed(p, 0, fewOwed, quiet); err != nil {
		return err
	}
	owed, err := finishOwed(p, 1, mostOwed, 0)
	if err != nil {
		return err
	}
	p.note("%s owed at the FIN", size(owed))
	// A part of what the path holds: the FIN gets through to a proxy that has
	// not yet got rid of the bytes. Which part depends on its buffers.
	err = atOnce(3, func(i int) error {
		_, err := finishOwed(p, 2+i, owed/int64(2+i), quiet)
		return err
	})
	if err != nil {
		return inCase("3 amounts", err)
	}
	return nil
}

// finishOwed has the server owe up to most bytes, finishes, and begins to read
// after wait.
func finishOwed(p *probe, i int, most int64, wait time.Duration) (owed int64, err error) {
	defer func() {
		if err != nil {
			err = inCase(size(owed)+" owed", err)
		}
	}()
	s, err := p.openHalfClosable()
	if err != nil {
		return 0, err
	}
	defer s.Close()
	s.shrink()
	owed, _, err = s.fill(p.payload(i), most, standstill)
	if err != nil {
		// Who cuts off a client that does not read has not come to its end.
		return owed, fmt.Errorf("before the FIN: %w", err)
	}
	if err := s.finish(); err != nil {
		return owed, err
	}
	p.pause(wait)
	s.grow()
	if err := s.expect(p.payload(i), int(owed)); err != nil {
		return owed, err
	}
	return owed, s.expectFin()
}
