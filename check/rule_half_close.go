package check

var halfClose = Rule{
	ID:       "stream/half-close",
	Networks: streams,
	Sends:    "data and a FIN: 1 B, 4 KiB, up to 256 KiB, and 1 B twice more",
	Expects:  "all of it, then a FIN",
	Meaning:  "A client that has finished sending loses the reply (echo x | nc).",
	Causes: []Cause{
		{
			Classes: []Class{PrematureEOF, Reset},
			Text:    "a proxy or tunnel that closes both directions when the client sends a FIN",
			Remedy:  "nginx stream: proxy_half_close on; socat: a longer -t; others: forward the FIN and continue to read",
		},
		finMissing,
	},
	sampled: true,
	run:     runHalfClose,
}

// finMissing is a cause of each rule that expects a FIN after a reply.
var finMissing = Cause{
	Classes: []Class{Silent},
	Meaning: "The reply comes, and its end does not: a client that reads to the end waits forever.",
	Text:    "a server or a proxy that does not forward the FIN",
	Remedy:  "forward each FIN when it arrives (shutdown with SHUT_WR)",
}

// runHalfClose sends a single byte three times. A path that closes both directions at a FIN
// loses the reply only if it sees the FIN first: with socat -t 0 and a server on the same
// machine, on about every second connection.
func runHalfClose(p *probe) error {
	for i, n := range []int{1, 4 << 10, p.perSample(256 << 10), 1, 1} {
		if err := exchangeAndCloseWrite(p, i, n); err != nil {
			return inCase(size(int64(n)), err)
		}
		p.compared = max(p.compared, int64(n))
	}
	return nil
}

func exchangeAndCloseWrite(p *probe, i, n int) error {
	s, err := p.openHalfClosable()
	if err != nil {
		return err
	}
	defer s.Close()
	sendAndCloseWrite := func() error {
		if err := s.sendFrom(p.payload(i), n); err != nil {
			return err
		}
		return s.closeWrite()
	}
	if err := s.expectWhile(sendAndCloseWrite, p.payload(i), n); err != nil {
		return err
	}
	return s.expectFIN()
}
