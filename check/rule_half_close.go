package check

import "fmt"

var halfClose = Rule{
	ID:       "stream/half-close",
	Networks: streams,
	Sends:    "data and a FIN: 1 B, 4 KiB and 256 KiB, each on one connection, and 1 B on nine others",
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
	run: runHalfClose,
}

// finMissing is a cause of each rule that expects a FIN after a reply.
var finMissing = Cause{
	Classes: []Class{Silent},
	Meaning: "The reply comes, and its end does not: a client that reads to the end waits forever.",
	Text:    "a server or a proxy that does not forward the FIN",
	Remedy:  "forward each FIN when it arrives (shutdown with SHUT_WR)",
}

// runHalfClose sends a single byte on three more connections beside each of its own. A
// path that closes both directions at a FIN loses the reply only if it sees the FIN first:
// with socat -t 0 and a server on the same machine, on about every second connection.
func runHalfClose(p *probe) error {
	const beside = 3
	for i, n := range []int{1, 4 << 10, 256 << 10} {
		others := make(chan error, 1)
		go func() {
			others <- atOnce(beside, func(j int) error { return exchangeAndCloseWrite(p, (j+1)*beside+i, 1) })
		}()
		err := exchangeAndCloseWrite(p, i, n)
		if other := <-others; err == nil && other != nil {
			return inCase(fmt.Sprintf("%d connections with 1 B", beside), other)
		}
		if err != nil {
			return inCase(size(int64(n)), err)
		}
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
