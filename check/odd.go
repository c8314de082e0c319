package check

import (
	"errors"
	"io"
	"math/rand/v2"
	"time"
)

// This file sends messages of odd sizes while both directions of the path are busy. A
// stream without gaps is read in full blocks, whatever the sizes of the writes are. So few
// messages are under way at a time, and each is read on its own.

const (
	busyBytes   = 4 << 20
	mostInRound = 16 // messages under way
	// A server that detects protocols may wait for the first few bytes.
	shortest = 9
	lostTime = 3 * time.Second // a round trip of a slow path
)

// oddSizes returns a function that returns odd numbers up to high. The same seed gives the
// same numbers.
func (p *probe) oddSizes() func(high int) int {
	random := rand.New(rand.NewPCG(p.Seed, 0))
	return func(high int) int { return 2*random.IntN((high+1)/2) + 1 }
}

// sendOdd sends n bytes without gaps, in writes of odd sizes.
func (s *stream) sendOdd(sizes func(high int) int, out io.Reader, n int64) error {
	const half = 32 << 10 // long writes are faster
	buf := make([]byte, 2*half)
	for n > 0 {
		piece := buf[:min(n, int64(half+sizes(half)))]
		io.ReadFull(out, piece)
		if err := s.send(piece); err != nil {
			return err
		}
		n -= int64(len(piece))
	}
	return nil
}

// exchangeBusy exchanges n bytes, or less if that takes longer than limit, in messages of odd sizes, in rounds that differ in how
// many messages are under way and in how long they are. It returns how many bytes it sent.
func (s *stream) exchangeBusy(sizes func(high int) int, out, back io.Reader, n int64, limit time.Duration) (sent int64, err error) {
	start := time.Now()
	for sent < n && time.Since(start) < limit {
		underWay, longest := sizes(mostInRound), 64<<(sizes(15)/2)
		var round []int
		for left := n - sent; left > 0 && len(round) < 2*underWay; {
			size := min(int64(shortest-1+sizes(longest)), left)
			round = append(round, int(size))
			left -= size
		}
		k, err := s.exchangeRound(round, underWay, out, back)
		sent += k
		if err != nil {
			return sent, err
		}
	}
	return sent, nil
}

// exchangeRound exchanges messages of these sizes. At most underWay of them have not come back.
func (s *stream) exchangeRound(sizes []int, underWay int, out, back io.Reader) (n int64, err error) {
	slots := make(chan struct{}, underWay)
	failed := make(chan struct{})
	sent := make(chan error, 1)
	go func() {
		for _, size := range sizes {
			select {
			case slots <- struct{}{}:
			case <-failed:
				sent <- nil
				return
			}
			if err := s.send(nextBytes(out, size)); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	for _, size := range sizes {
		n += int64(size)
		if err := s.expect(back, size); err != nil {
			close(failed)
			if isTimeout(err) {
				if <-sent == nil {
					err = s.lost(err, out, back)
				}
				s.Close()
				return n, err
			}
			s.Close()
			return n, preferReset(err, <-sent)
		}
		<-slots
	}
	return n, <-sent
}

// lost returns what is wrong if bytes that are sent now arrive in place of those that did
// not come in time: these are lost. Otherwise it returns err, the timeout.
func (s *stream) lost(err error, out, back io.Reader) error {
	const n = 1 << 10
	s.timeout = min(s.timeout, lostTime)
	if s.send(nextBytes(out, n)) != nil {
		return err
	}
	if f, ok := errors.AsType[*failure](s.expect(back, n)); ok && f.class == Corrupt {
		return f
	}
	return err
}
