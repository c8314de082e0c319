package check

import (
	"errors"
	"fmt"
	"io"
)

var urgent = Rule{
	ID:       "stream/urgent",
	Networks: []string{"tcp"},
	Sends:    "from Linux, one urgent byte (MSG_OOB): in the middle, at the start and at the end of a message, and alone",
	Expects:  "the same, with the urgent byte in its place",
	Meaning:  "A byte is missing without an error: TCP marks it as urgent, and it is part of the stream like any other (RFC 6093).",
	Causes: []Cause{
		{
			Classes: []Class{Corrupt, Timeout},
			Text:    "a server or a proxy without SO_OOBINLINE: its kernel takes the urgent byte out of the stream",
			Remedy:  "set SO_OOBINLINE on the listener or on each accepted socket (RFC 6093, section 6; socat: oobinline); MPTCP sockets refuse it: turn MPTCP off (Go: ListenConfig.SetMultipathTCP)",
		},
	},
	run: runUrgent,
}

// urgentCases say how many bytes are sent before and after the urgent one. The first has
// bytes on both sides: there a missing byte is seen at once, and not by a timeout.
var urgentCases = []struct {
	name          string
	before, after int
}{
	{"in the middle of a message", 16, 16},
	{"at its start", 0, 16},
	{"at its end", 16, 0},
	{"alone", 0, 0},
}

func runUrgent(p *probe) error {
	for i, c := range urgentCases {
		if err := exchangeUrgent(p, i, c.before, c.after); err != nil {
			return inCase(c.name, err)
		}
	}
	return nil
}

// plainLen is how many bytes come back before a rule sends an urgent one. A server that
// fails with those fails other rules.
const plainLen = 16

// exchangeUrgent sends an urgent byte after some bytes and before others, and expects
// all of them back.
func exchangeUrgent(p *probe, conn, before, after int) error {
	s, err := p.open()
	if err != nil {
		return err
	}
	defer s.Close()
	out, back := p.payload(conn), p.payload(conn)
	if err := s.exchange(out, back, plainLen); err != nil {
		return skippedFor{skipped("bytes do not come back without an urgent one either: " + err.Error()), err}
	}
	if err := s.sendFrom(out, before); err != nil {
		return err
	}
	if err := s.sendUrgent(nextBytes(out, 1)); err != nil {
		return err
	}
	if err := s.sendFrom(out, after); err != nil {
		return err
	}
	urgent := plainLen + before
	return urgentFailure(s.expect(back, before+1+after), p.payload(conn), urgent, urgent+1+after)
}

// urgentFailure says of err, the result of a stream of n bytes, that the urgent byte is
// missing, if the failure is about that byte.
func urgentFailure(err error, sent io.Reader, urgent, n int) error {
	var f *failure
	if !errors.As(err, &f) || f.offset != int64(urgent) {
		return err
	}
	switch f.class {
	case Corrupt:
		f.evidence, f.received = Missing, nil // the rule has located the bytes
		f.detail = fmt.Sprintf("byte %d of the %d sent is missing: the urgent one", urgent, n)
	case Timeout:
		f.detail = fmt.Sprintf("byte %d of the %d sent, the urgent one, did not come back: %s", urgent, n, f.detail)
		f.want = excerpt(nextBytes(sent, urgent+1)[urgent:])
	}
	return f
}
