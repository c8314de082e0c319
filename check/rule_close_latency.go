package check

import "time"

var closeLatency = Rule{
	ID:       "stream/close-latency",
	Networks: streams,
	Sends:    "a few bytes and a FIN",
	Expects:  "a FIN within a second and the round trip of the path",
	Meaning:  "A timer delays the end: every connection stays open for longer than it is used.",
	Causes: []Cause{
		{
			Classes: []Class{Late, Silent},
			Text:    "a lingering close, or a proxy that waits before it forwards the FIN",
			Remedy:  "close as soon as everything is read and written",
		},
	},
	sampled: true,
	run:     runCloseLatency,
}

// maxCloseLatency is the longest time from the client's FIN to the server's, in addition
// to what a byte takes there and back.
const maxCloseLatency = time.Second

// runCloseLatency does not try again: the runner does, because the machine may cause a
// delay. The path may have become slower since the start of the run, so a byte on another
// connection is timed after a delay.
func runCloseLatency(p *probe) error {
	s, latency, err := measureClose(p)
	if err != nil {
		return err
	}
	roundTrip := p.path.RoundTrip
	if latency > maxCloseLatency+roundTrip {
		roundTrip = max(roundTrip, measureRoundTrip(p))
	}
	if latency > maxCloseLatency+roundTrip {
		return s.fail(Late, "the server's FIN came %v after the client's, and the round trip is %s",
			latency.Round(10*time.Millisecond), formatDuration(roundTrip))
	}
	p.setNote("FIN after %v", latency.Round(100*time.Microsecond))
	return nil
}

// measureRoundTrip returns 0 if no byte comes back.
func measureRoundTrip(p *probe) time.Duration {
	s, err := p.open()
	if err != nil {
		return 0
	}
	defer s.Close()
	start := time.Now()
	if err := s.exchange(p.payload(1), p.payload(1), 1); err != nil {
		return 0
	}
	return time.Since(start)
}

func measureClose(p *probe) (*stream, time.Duration, error) {
	s, err := p.openHalfClosable()
	if err != nil {
		return nil, 0, err
	}
	defer s.Close()
	if err := s.sendFrom(p.payload(0), 64); err != nil {
		return s, 0, err
	}
	if err := s.closeWrite(); err != nil {
		return s, 0, err
	}
	start := time.Now()
	err = s.discardToFIN()
	return s, time.Since(start), err
}
