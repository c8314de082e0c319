package check

import (
	"fmt"
	"time"
)

var halfCloseOwed = Rule{
	ID:       "stream/half-close-owed",
	Networks: streams,
	Sends:    "512 KiB and a FIN, and reads a second later; without reading until the writer stalls, a FIN, and reads at once; a half, a third and a quarter of that and a FIN, and reads a second later",
	Expects:  "all of it, then a FIN",
	Meaning:  "Bytes that are still owed when the client finishes are dropped: the end of a long reply is lost.",
	Causes: []Cause{
		{
			Classes: []Class{PrematureEOF, Reset},
			Text:    "the connection is closed at the client's FIN, or a short time later, while bytes are unsent (socat: after -t seconds, by default 0.5)",
			Remedy:  "nginx stream: proxy_half_close on; socat: a longer -t; others: write owed bytes before closing",
		},
		finMissing,
	},
	stage: stalled,
	run:   runHalfCloseOwed,
}

func runHalfCloseOwed(p *probe) error {
	// 512 KiB fit into the buffers of the path: the FIN passes while they are owed.
	if _, err := closeWriteOwed(p, 0, min(512<<10, p.mostOwed()), quiet); err != nil {
		return err
	}
	owed, err := closeWriteOwed(p, 1, p.mostOwed(), 0)
	if err != nil {
		return err
	}
	p.setNote("%s owed at the FIN", size(owed))
	// A part of what the path holds: the FIN reaches a proxy that still has some of
	// the bytes. Which part that takes depends on the proxy's buffers.
	err = atOnce(3, func(i int) error {
		_, err := closeWriteOwed(p, 2+i, owed/int64(2+i), quiet)
		return err
	})
	if err != nil {
		return inCase("3 amounts", err)
	}
	return nil
}

// closeWriteOwed makes the server owe up to limit bytes, half-closes, and reads after
// wait.
func closeWriteOwed(p *probe, i int, limit int64, wait time.Duration) (owed int64, err error) {
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
	s.shrinkBuffer()
	if _, err = s.fill(p.payload(i), limit, p.standstill()); err == nil {
		owed, err = s.stopFill()
	}
	if err != nil {
		// A server that closes a stalled connection early breaks another rule.
		return owed, fmt.Errorf("before the FIN: %w", err)
	}
	if err := s.closeWrite(); err != nil {
		return owed, err
	}
	p.pause(wait)
	s.growBuffer()
	if err := s.expect(p.payload(i), int(owed)); err != nil {
		return owed, err
	}
	return owed, s.expectFIN()
}
