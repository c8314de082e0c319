package check

import (
	"time"

	"echod/internal/dial"
)

var tlsHalfClose = Rule{
	ID:       "tls/half-close",
	Networks: secure,
	Sends:    "64 KiB and close_notify",
	Expects:  "all of it, then close_notify",
	Meaning:  "The end of a reply cannot be told from one that was cut off on the way.",
	run:      runTLSHalfClose,
}

func runTLSHalfClose(p *probe) error {
	s, err := p.openHalfClosable()
	if err != nil {
		return err
	}
	defer s.Close()
	const n = 64 << 10
	sendAndFinish := func() error {
		if err := s.sendFrom(p.payload(0), n); err != nil {
			return err
		}
		return s.finish()
	}
	if err := s.expectWhile(sendAndFinish, p.payload(0), n); err != nil {
		return err
	}
	err = s.readToEnd()
	if classify(err) == PrematureEOF && !dial.Notified(s.Conn, err) {
		return failAt(s.at, Truncated, "the stream ended by a FIN without a close_notify before it")
	}
	return s.ended(err)
}

var tlsTruncation = Rule{
	ID:       "tls/truncation",
	Networks: secure,
	Sends:    "a few bytes and a FIN without close_notify",
	Expects:  "an end without close_notify: an alert, a FIN or a reset",
	Meaning:  "A stream that was cut off counts as finished: whoever can cut the connection can shorten what is sent.",
	run:      runTLSTruncation,
}

func runTLSTruncation(p *probe) error {
	s, err := p.open()
	if err != nil {
		return err
	}
	defer s.Close()
	cut, ok := dial.Bare(s.Conn).(halfCloser)
	if !ok {
		return skipped("the connection below TLS cannot be half-closed")
	}
	if err := s.exchange(p.payload(0), p.payload(0), 64); err != nil {
		return err
	}
	if err := cut.CloseWrite(); err != nil {
		return s.broken("cutting the stream off", err)
	}
	err = s.readToEnd()
	switch {
	case dial.Notified(s.Conn, err):
		return failAt(s.at, Truncated, "a stream that was cut off was answered by a clean close_notify")
	case classify(err) == PrematureEOF:
		p.note("ended by a FIN without close_notify")
	case classify(err) == Reset:
		p.note("ended by a reset")
	case classify(err) == Timeout:
		return failAt(s.at, Silent, "%v after the client's FIN the stream had not ended", s.timeout)
	case p.ctx.Err() != nil:
		return p.ctx.Err()
	default:
		p.note("ended by %v", err) // an alert
	}
	return nil
}

// readToEnd throws away what comes, and returns how it ended.
func (s *stream) readToEnd() error {
	s.SetReadDeadline(time.Now().Add(s.timeout))
	buf := make([]byte, 4<<10)
	for {
		if _, err := s.Read(buf); err != nil {
			return err
		}
	}
}
