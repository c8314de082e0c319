package check

import (
	"errors"
	"io"
	"strings"
	"time"
)

var firstByte = Rule{
	ID:       "stream/first-byte",
	Networks: streams,
	Sends:    "one byte, no FIN",
	Expects:  "that byte within the timeout",
	Meaning:  "The path stores bytes until the stream ends, or waits for more bytes to detect the protocol: an interactive session cannot start.",
	Causes: []Cause{
		{
			Classes:  []Class{Timeout},
			Evidence: []Evidence{Lines},
			Meaning:  "Bytes come back only up to a line end: what follows the last one waits, and binary data does not pass.",
			Text:     "a server that reads lines (readline, fgets), or a terminal on the path that waits for the Enter key (a pty in canonical mode)",
			Remedy:   "read what has arrived (read, recv) instead of lines; stty raw -echo for a pty",
		},
		{
			Classes: []Class{Timeout},
			Text:    "a store-and-forward proxy, or one that reads the first bytes to detect the protocol",
			Remedy:  "turn buffering and protocol detection off, or send more bytes first",
		},
	},
	sampled: true,
	run:     runFirstByte,
}

func runFirstByte(p *probe) error {
	s, err := p.open()
	if err != nil {
		return err
	}
	defer s.Close()
	n := 0
	// A server that reads lines returns a line end, and one that decodes text returns ASCII.
	for !printable(nextBytes(p.payload(n), 1)[0]) {
		n++
	}
	err = s.exchange(p.payload(n), p.payload(n), 1)
	if f, ok := errors.AsType[*failure](err); ok && f.class == Timeout && returnsLines(p) {
		f.evidence = Lines
		f.detail += "; a byte with a line end comes back"
	}
	return err
}

// returnsLines reports whether a byte comes back that a line end follows.
func returnsLines(p *probe) bool {
	s, err := p.open()
	if err != nil {
		return false
	}
	defer s.Close()
	s.timeout = min(p.Timeout, max(time.Second, 4*p.path.RoundTrip))
	const line = "x\n"
	lines := func() io.Reader { return strings.NewReader(line) }
	return s.exchange(lines(), lines(), len(line)) == nil
}
