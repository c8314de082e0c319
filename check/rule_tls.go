package check

import "echod/internal/dial"

var tlsHalfClose = Rule{
	ID:       "tls/half-close",
	Networks: secure,
	Sends:    "64 KiB and close_notify",
	Expects:  "all of it, then close_notify",
	Meaning:  "The end of a reply looks the same as a reply that was truncated on the path.",
	Causes: []Cause{
		{
			Classes: []Class{Truncated, Reset},
			Text:    "the socket is closed without shutting TLS down (nginx stream, after a close_notify of the client)",
			Remedy:  "send close_notify first (SSL_shutdown; Go: tls.Conn.Close); nginx has no option for it",
		},
		{
			Classes: []Class{PrematureEOF, Timeout},
			Text:    "the server, or a TLS terminator (hitch, nginx stream), closes both directions at the client's close_notify, as TLS up to 1.2 required",
			Remedy:  "continue to write after it (RFC 8446, section 6.1), with TLS 1.3; nginx stream: proxy_half_close on and ssl_protocols TLSv1.2 TLSv1.3",
		},
	},
	sampled: true,
	run:     runTLSHalfClose,
}

func runTLSHalfClose(p *probe) error {
	s, err := p.openHalfClosable()
	if err != nil {
		return err
	}
	defer s.Close()
	n := p.perSample(64 << 10)
	sendAndCloseWrite := func() error {
		if err := s.sendFrom(p.payload(0), n); err != nil {
			return err
		}
		return s.closeWrite()
	}
	if err := s.expectWhile(sendAndCloseWrite, p.payload(0), n); err != nil {
		return err
	}
	err = s.discard()
	if s.endedByBareFIN(err) {
		return s.failAt(s.received, Truncated, "the stream ended by a FIN without a close_notify before it")
	}
	return s.endError(err)
}

var tlsTruncation = Rule{
	ID:       "tls/truncation",
	Networks: secure,
	Sends:    "a few bytes and a FIN without close_notify",
	Expects:  "an end without close_notify: an alert, a FIN or a reset",
	Meaning:  "A truncated stream counts as complete: an attacker who can cut the connection can shorten what is sent.",
	Causes: []Cause{
		{
			Classes: []Class{Truncated},
			Text:    "every end of file counts as a close_notify (haproxy with TLS)",
			Remedy:  "tell them apart (OpenSSL: SSL_R_UNEXPECTED_EOF_WHILE_READING; Go's crypto/tls does not between two records) and close the socket without close_notify",
		},
		{
			Classes: []Class{Silent},
			Text:    "the FIN below TLS is not noticed",
			Remedy:  "continue to read until the end of the stream",
		},
	},
	sampled: true,
	run:     runTLSTruncation,
}

func runTLSTruncation(p *probe) error {
	s, err := p.open()
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.exchange(p.payload(0), p.payload(0), 64); err != nil {
		return err
	}
	if err := s.truncate(); err != nil {
		return err
	}
	err = s.discard()
	switch {
	case dial.GotCloseNotify(s.Conn, err):
		return s.failAt(s.received, Truncated, "the server answered a truncated stream with an orderly close_notify")
	case classify(err) == PrematureEOF:
		return p.unlikeComplete()
	case classify(err) == Reset:
		p.setNote("ended by a reset")
	case classify(err) == Timeout:
		return s.failAt(s.received, Silent, "%v after the client's FIN the stream had not ended", s.timeout)
	case p.ctx.Err() != nil:
		return p.ctx.Err()
	default:
		p.setNote("ended by %s", plainText(err)) // an alert
	}
	return nil
}

// unlikeComplete is for a truncated stream that the server has ended with a FIN and without
// close_notify. It returns a skipped error if a complete stream ends in the same way.
func (p *probe) unlikeComplete() error {
	s, err := p.openHalfClosable()
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.exchange(p.payload(1), p.payload(1), 64); err != nil {
		return err
	}
	if err := s.closeWrite(); err != nil {
		return err
	}
	if err := s.discard(); s.endedByBareFIN(err) {
		return skipped("inconclusive: a complete stream, too, ends with a FIN and without close_notify: see " + tlsHalfClose.ID)
	}
	p.setNote("ended by a FIN without close_notify")
	return nil
}
