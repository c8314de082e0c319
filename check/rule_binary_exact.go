package check

import "bytes"

var binaryExact = Rule{
	ID:       "stream/binary-exact",
	Networks: streams,
	Sends:    "all 256 byte values; then, on one connection each, the first bytes of telnet, HTTP, TLS and the PROXY protocol",
	Expects:  "the same",
	Meaning:  "Something on the path interprets the bytes and changes or answers them, instead of forwarding them.",
	Causes: []Cause{
		{
			Evidence: []Evidence{Changed, Missing, Added},
			Text:     "a proxy or a server that detects the protocol by the first bytes and answers, or a terminal on the path (telnet, a pty)",
			Remedy:   "turn protocol detection off; stty raw -echo for a pty",
		},
		{
			Classes: []Class{PrematureEOF, Reset},
			Text:    "a proxy, a firewall or a server that detects the protocol by the first bytes and refuses it",
			Remedy:  "turn protocol detection off, or allow the protocol",
		},
	},
	sampled: true,
	run:     runBinaryExact,
}

// openings are bytes that a protocol detector reacts to. Each has its own connection,
// because a detector examines only the first bytes.
var openings = []struct {
	name  string
	bytes string
}{
	{"all 256 values", allValues()},
	{"control characters", "\x00\x00\r\n\n\r\x04\x1a\x11\x13\x1b[2J\x7f"},
	{"telnet commands", "\xff\xfd\x18\xff\xfb\x01\xff\xff\xff\xf4"},
	{"an HTTP request", "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"},
	{"a TLS hello", "\x16\x03\x01\x00\x2f\x01\x00\x00\x2b\x03\x03" + "0123456789abcdef0123456789abcdef" + "\x00\x00\x04\x13\x01\x13\x02\x01\x00\x00\x00"},
	{"a PROXY v1 header", "PROXY TCP4 192.0.2.1 192.0.2.2 40000 7\r\n"},
	{"a PROXY v2 header", "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x01\xc0\x00\x02\x02\x9c\x40\x00\x07"},
}

func allValues() string {
	values := make([]byte, 256)
	for i := range values {
		values[i] = byte(i)
	}
	return string(values)
}

func runBinaryExact(p *probe) error {
	for i, opening := range openings {
		if err := exchangeOpening(p, i, []byte(opening.bytes)); err != nil {
			return inCase(opening.name, err)
		}
	}
	return nil
}

// exchangeOpening also sends a second message, which finds bytes that were inserted
// behind the first.
func exchangeOpening(p *probe, i int, opening []byte) error {
	s, err := p.open()
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.exchange(bytes.NewReader(opening), bytes.NewReader(opening), len(opening)); err != nil {
		return err
	}
	return s.exchange(p.payload(i), p.payload(i), 64)
}
