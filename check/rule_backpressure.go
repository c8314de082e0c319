package check

import (
	"io"
	"runtime"
	"time"
)

var backpressure = Rule{
	ID:       "stream/backpressure",
	Networks: streams,
	Sends:    "up to 192 MiB, on a slow path for up to 30 s, and never reads",
	Expects:  "that the writer stalls, or a reset when the client is owed bytes",
	Meaning:  "Something on the path receives without limit what nobody reads: one client can use up its memory.",
	Causes: []Cause{
		{
			Classes: []Class{Reset},
			Meaning: "A client that sends before it reads is disconnected, although little was owed to it.",
			Text:    "a limit on what one client may send, or a server that ends when it receives much at once",
			Remedy:  "stop reading while bytes are owed, and reset a client only when it has not read for a while",
		},
		{
			Text:   "reading continues although writing is blocked",
			Remedy: "stop reading while bytes are owed: flow control then stops the client",
		},
	},
	stage: stalled,
	run:   runBackpressure,
}

const (
	// backpressureStall is when the writer counts as stalled. It is long, because a pause
	// that is mistaken for a stall would hide an unbounded buffer.
	backpressureStall = 3 * time.Second
	// A path that receives for longer than slowLimit, and more than slowAbsorb, without
	// one stall does not fill buffers: those of a fast path are full long before, and
	// those of a slow path are smaller, because the kernel sizes them by the rate.
	slowLimit  = 30 * time.Second
	slowAbsorb = 16 << 20
	// A reset ends a stalled client if nothing had moved for resetStall, or if resetOwed bytes had
	// come back: one half of what shrinkBuffer makes room for. A server that resets earlier cannot
	// know that the client does not read.
	resetStall = backpressureStall / 6
	resetOwed  = 32 << 10
)

func runBackpressure(p *probe) error {
	s, err := p.open()
	if err != nil {
		return err
	}
	defer s.abort()
	s.shrinkBuffer()
	s.shrinkWriteBuffer()
	start, stalled := time.Now(), false
	n := int64(0)
	s.startFill(p.payload(0), p.Absorb)
	for !stalled && n < p.Absorb {
		stalled, err = s.waitStall(backpressureStall, time.Second)
		n = s.writer.count()
		p.setNote("%s were received, and the writer has not stalled yet", size(n))
		switch elapsed := time.Since(start); {
		case err != nil && classify(err) == Reset:
			return p.resetWhileFilling(s, n)
		case err != nil:
			return err
		case !stalled && elapsed > slowLimit && n > slowAbsorb:
			return s.fail(Unbounded, "%s were received in %v (%s/s) while the client read nothing, and the writer never stalled: more than buffers hold at that rate",
				size(n), elapsed.Round(time.Second), size(int64(float64(n)/elapsed.Seconds())))
		}
	}
	if !stalled {
		return s.fail(Unbounded, "%s were received while the client read nothing, and the writer never stalled", size(n))
	}
	p.setNote("%s absorbed, then the writer stalled", size(n))
	return nil
}

// resetWhileFilling returns nil if the reset of s ended a stalled client, to which n bytes were
// written: a server that does so limits its memory, too. What came back before a reset can
// still be read on Linux (tcp_reset in the kernel's tcp_input.c), and not on every system.
func (p *probe) resetWhileFilling(s *stream, n int64) error {
	if quiet := s.writer.quietFor(); quiet < resetStall && runtime.GOOS == "linux" {
		s.SetReadDeadline(time.Now().Add(p.Timeout))
		if owed, _ := io.Copy(io.Discard, s); owed < resetOwed {
			return s.failAt(0, Reset, "the connection was reset while the client was sending, after %s had come back to it", size(owed))
		}
	}
	p.setNote("%s absorbed, then the connection was reset", size(n))
	return nil
}
