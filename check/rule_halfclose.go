package check

import "time"

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
	sent := make(chan error, 1)
	go func() {
		err := s.sendFrom(p.payload(i), n)
		if err == nil {
			err = s.finish()
		}
		sent <- err
	}()
	err = s.expect(p.payload(i), n)
	if err == nil {
		err = s.expectFin()
	}
	if err != nil {
		s.Close()
		<-sent
		return err
	}
	return <-sent
}

var halfCloseOwed = Rule{
	ID:       "stream/half-close-owed",
	Networks: streams,
	Sends:    "as much as is taken while nothing is read, and a FIN; then reads",
	Expects:  "all of it, then a FIN",
	Meaning:  "What is still owed when the client finishes is dropped: the tail of a long reply is lost.",
	stage:    stalled,
	run:      runHalfCloseOwed,
}

const (
	// mostOwed is more than the socket buffers of most kernels hold for one
	// connection, so that the server itself comes to a standstill.
	mostOwed = 32 << 20
	// standstill is when a writer that is not read counts as stalled. A busy
	// machine may take longer to take more; then a little less is owed.
	standstill = 300 * time.Millisecond
)

func runHalfCloseOwed(p *probe) error {
	s, err := p.openHalfClosable()
	if err != nil {
		return err
	}
	defer s.Close()
	s.shrink()
	owed, _, err := s.fill(p.payload(0), mostOwed, standstill)
	if err != nil {
		return s.broken("sending", err)
	}
	if err := s.finish(); err != nil {
		return err
	}
	p.note("%s owed at the FIN", size(owed))
	s.grow()
	if err := s.expect(p.payload(0), int(owed)); err != nil {
		return err
	}
	return s.expectFin()
}
