package check

import "time"

// quiet is how long a rule checks that nothing happens. It is shorter than any
// reasonable timeout of an idle stream.
const quiet = time.Second

// bannerWait is how long stream/no-unsolicited waits for a late banner. It takes no
// additional time, because the rules that run at the same time take longer.
const bannerWait = 3 * time.Second

var noUnsolicited = Rule{
	ID:       "stream/no-unsolicited",
	Networks: streams,
	Sends:    "nothing for 3 s",
	Expects:  "nothing",
	Meaning:  "The server or the path sends bytes first: a banner, or a header in front of the stream.",
	Causes: []Cause{
		{
			Classes: []Class{ExtraBytes},
			Text:    "a greeting, or a PROXY protocol header that the server did not expect and echoes",
			Remedy:  "serve a plain echo; do not send the PROXY header to a server that does not read it (haproxy: no send-proxy)",
		},
		{
			Classes: []Class{PrematureEOF, Reset},
			Meaning: "A client that connects and waits is disconnected.",
			Text:    "a server or a proxy that closes silent connections, or a proxy whose server is not running",
			Remedy:  "increase the idle timeout (haproxy: timeout client, timeout server); check that the server behind the proxy runs",
		},
	},
	stage:   stalled,
	sampled: true,
	run: func(p *probe) error {
		s, err := p.open()
		if err != nil {
			return err
		}
		defer s.Close()
		return s.expectSilence(bannerWait)
	},
}

var noEarlyFIN = Rule{
	ID:       "stream/no-early-fin",
	Networks: streams,
	Sends:    "a few bytes, then nothing for a second",
	Expects:  "the bytes, and a stream that stays open",
	Meaning:  "The server ends the stream before the client does: the next bytes of the client are lost.",
	Causes: []Cause{
		{
			Classes: []Class{PrematureEOF, Reset},
			Text:    "a server that answers once and closes, or a short idle timeout",
			Remedy:  "loop until the client ends the stream (RFC 862); increase the idle timeout",
		},
	},
	sampled: true,
	run: func(p *probe) error {
		s, err := p.open()
		if err != nil {
			return err
		}
		defer s.Close()
		if err := s.exchange(p.payload(0), p.payload(0), 64); err != nil {
			return err
		}
		return s.expectSilence(quiet)
	},
}
