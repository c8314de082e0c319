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
		sourceChanged,
		otherSource,
		otherClient,
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
	emptyPause  = 120 * time.Millisecond // some servers limit the rate of a source
)

func runDatagramEmpty(p *probe) error {
	set, err := openDatagrams(p, 64, 0, 64)
	if err != nil {
		return err
	}
	defer set.Close()
	before, empty, after := set.probes[0], set.probes[1], set.probes[2]
	exchange := func(probes ...*datagramProbe) {
		for range emptyRounds {
			for _, d := range probes {
				d.send()
			}
			set.receive(time.Now().Add(emptyPause), probes...)
		}
	}
	exchange(before)
	exchange(empty, after)
	set.await(before, empty, after)
	if p.ctx.Err() != nil {
		return p.ctx.Err()
	}
	for _, d := range set.probes {
		if d.err != nil {
			return inCase(sizeName(d.size), d.err)
		}
	}
	switch {
	case before.back+empty.back+after.back == 0:
		f := fail(Silent, "not one of %d datagrams came back", sumOf(set.probes).sent)
		f.evidence = NothingPassed
		return f
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
