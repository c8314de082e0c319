package check

import "time"

var datagramSource = Rule{
	ID:       "datagram/source",
	Networks: datagrams,
	Sends:    "datagrams of 64, 1472, 2048 and 65507 bytes from sockets that receive from any address",
	Expects:  "the answers from the address that they were sent to; that long ones are lost does not fail this rule",
	Meaning:  "The answer comes from another address, so that firewalls and connected sockets drop it, or it is not what was sent.",
	Causes:   []Cause{sourceChanged, otherSource, otherClient, smallBuffer, joinedDatagrams, changedAnswer, nothingBack},
	noRetry:  true, // it sends everything five times
	run:      runDatagramSource,
}

func runDatagramSource(p *probe) error {
	if p.target.Dial != nil {
		return skipped("needs a socket that is not connected, and the target has its own Dial")
	}
	set, err := openDatagrams(p, 64, 1472, 2048, 65507)
	if err != nil {
		return err
	}
	defer set.Close()
	probes, small := set.probes, set.probes[0]
	for attempt := 1; attempt <= attempts && p.ctx.Err() == nil; attempt++ {
		missing := false
		deadline := time.Now().Add(p.Timeout / attempts)
		for _, d := range probes {
			if d.back == 0 {
				d.send()
			}
		}
		for _, d := range probes {
			set.receive(deadline, d)
			missing = missing || d.back == 0 && d.err == nil
		}
		if !missing || small.err != nil || small.back > 0 && attempt > 1 {
			break
		}
	}
	for _, d := range probes {
		if f, ok := d.err.(*failure); ok {
			return inCase(sizeName(d.size), f)
		}
	}
	switch {
	case p.ctx.Err() != nil:
		return p.ctx.Err()
	case small.err != nil:
		return small.err
	case small.back == 0:
		f := fail(Silent, "sent %d times, never answered", len(small.sent))
		f.evidence = NothingPassed
		return f
	}
	return nil
}
