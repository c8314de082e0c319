package check

import "time"

var datagramEmpty = Rule{
	ID:       "datagram/empty",
	Networks: datagrams,
	Sends:    "empty datagrams, each followed by one of 64 bytes, after all other rules",
	Expects:  "both, unchanged",
	Meaning:  "An empty datagram, which is valid, is not answered as it was sent, or it stops the server.",
	Causes: []Cause{
		nothingBack,
		{
			Classes:  []Class{Silent},
			Evidence: []Evidence{Stopped},
			Text:     "a server or a proxy that takes 0 bytes for the end of a stream, and closes its socket",
			Remedy:   "a datagram socket has no end of file: go on after a datagram of 0 bytes",
		},
		{
			Classes: []Class{Silent},
			Text:    "an empty datagram that is ignored, e.g. because 0 bytes count as nothing received",
			Remedy:  "answer empty datagrams, too",
		},
		otherSource,
		joinedDatagrams,
		changedAnswer,
	},
	stage:   last,
	noRetry: true, // the server may have stopped
	run:     runDatagramEmpty,
}

const (
	// emptyRounds is how many of each are sent. Ten of ten that are lost, and none of
	// ten, is the smallest difference that is significant: see maxChance.
	emptyRounds = 10
	emptyPause  = 150 * time.Millisecond // some servers limit the rate of a source
)

func runDatagramEmpty(p *probe) error {
	open, err := packetOpener(p)
	if err != nil {
		return err
	}
	var probes []*datagramProbe
	for i, n := range []int{64, 0, 64} {
		d, err := openDatagramProbe(p, open, i, n)
		if err != nil {
			return err
		}
		defer d.socket.Close()
		probes = append(probes, d)
	}
	before, empty, after := probes[0], probes[1], probes[2]
	exchange := func(probes ...*datagramProbe) {
		for range emptyRounds {
			if p.ctx.Err() != nil {
				return
			}
			for _, d := range probes {
				d.send()
			}
			next := time.Now().Add(emptyPause)
			for _, d := range probes {
				d.receive(next)
			}
		}
		awaitDatagrams(p, probes)
	}
	exchange(before)
	if before.back == 0 { // it may be far away
		before.receive(time.Now().Add(p.Timeout / 2))
	}
	if before.err == nil && before.back == 0 && p.ctx.Err() == nil {
		f := fail(Silent, "not one of %d datagrams of 64 B came back", len(before.sent))
		f.evidence = NothingPassed
		return f
	}
	empty.rtt = before.rtt
	exchange(empty, after)
	for _, d := range probes {
		if d.err != nil {
			return inCase(sizeName(d.size), d.err)
		}
	}
	switch {
	case p.ctx.Err() != nil:
		return p.ctx.Err()
	case after.back == 0 && after.tally().exceeds(before.tally(), 1):
		f := fail(Silent, "after an empty datagram nothing comes back: before it %d of %d datagrams of 64 B did, after it none of %d",
			before.back, len(before.sent), len(after.sent))
		f.evidence = Stopped
		return f
	case empty.tally().exceeds(before.tally().add(after.tally()), 1):
		return fail(Silent, "of %d empty datagrams %d came back; between them, %d of %d of 64 B",
			len(empty.sent), empty.back, after.back, len(after.sent))
	case empty.tally().lost+after.tally().lost > 0:
		p.setNote("lost: %v of empty ones, %v of 64 B", empty.tally(), before.tally().add(after.tally()))
	}
	return nil
}
