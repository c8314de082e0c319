package check

import "time"

var finOnly = Rule{
	ID:       "stream/fin-only",
	Networks: streams,
	Sends:    "a FIN at once",
	Expects:  "a FIN, no reset",
	Meaning:  "A connection on which nothing is said does not end in order: health checks hang or fail.",
	run:      runFinOnly,
}

func runFinOnly(p *probe) error {
	s, err := p.openHalfClosable()
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.finish(); err != nil {
		return err
	}
	return s.drain()
}

var closeLatency = Rule{
	ID:       "stream/close-latency",
	Networks: streams,
	Sends:    "a few bytes and a FIN",
	Expects:  "a FIN within a second",
	Meaning:  "Every connection stays open for longer than it is used: a timer delays the end.",
	run:      runCloseLatency,
}

const promptly = time.Second

// runCloseLatency believes in a delay only if it is there three times running:
// one may be the machine's.
func runCloseLatency(p *probe) error {
	var took time.Duration
	for range 3 {
		var err error
		if took, err = timeClose(p); err != nil {
			return err
		}
		if took <= promptly {
			p.note("FIN after %v", took.Round(100*time.Microsecond))
			return nil
		}
	}
	return fail(Late, "the server's FIN came %v after the client's", took.Round(10*time.Millisecond))
}

func timeClose(p *probe) (time.Duration, error) {
	s, err := p.openHalfClosable()
	if err != nil {
		return 0, err
	}
	defer s.Close()
	if err := s.sendFrom(p.payload(0), 64); err != nil {
		return 0, err
	}
	if err := s.finish(); err != nil {
		return 0, err
	}
	start := time.Now()
	err = s.drain()
	return time.Since(start), err
}
