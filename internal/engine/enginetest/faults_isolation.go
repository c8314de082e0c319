package enginetest

import (
	"math"
	"sync"

	"echod/internal/engine"
)

// isolationCases try whether one peer feels another. They ask that the healthy
// one goes on for a long while, not how fast.
var isolationCases = []testCase{
	{
		name:    "200 stalled peers do not hold up a healthy one",
		promise: "S4: peers that stall do not slow a healthy one",
		on:      "tcp tls unix",
		alone:   true,
		run:     stalledPeers,
	},
	{
		name:    "a thousand trickle a byte at a time or say nothing",
		promise: "S4: others are unaffected, and every byte of the trickle comes back at once",
		alone:   true,
		run:     trickle,
	},
	{
		name:    "one very busy peer does not starve ten light ones",
		promise: "S4: bytes for each connection and turn are capped",
		on:      "tcp unix",
		run:     busyPeer,
	},
}

func stalledPeers(t trial) {
	s := t.serve(engine.Config{Buffer: 32 << 10})
	early := t.dial(s)
	early.echo(1)
	const peers = 200
	t.stall(s, peers)
	s.settle()
	late := t.dial(s)
	for range 500 {
		early.echo(64)
		late.echo(1000)
	}
	if st := s.Stats(); st.Active != peers+2 {
		t.Errorf("streams open: got %d (%s), want %d: the stalled ones must still be there", st.Active, causes(st), peers+2)
	}
}

func trickle(t trial) {
	s := t.serve(engine.Config{})
	crowd := make([]*peer, t.crowd(1000))
	for i := range crowd {
		crowd[i] = t.dial(s)
	}
	healthy := t.dial(s)
	for range 3 {
		for _, p := range crowd[:len(crowd)/2] { // the others stay silent
			p.send(1)
		}
		healthy.echo(100_000)
		for _, p := range crowd[:len(crowd)/2] {
			p.receive(1)
		}
	}
	if st := s.Stats(); int(st.Active) != len(crowd)+1 {
		t.Errorf("streams open: got %d (%s), want %d", st.Active, causes(st), len(crowd)+1)
	}
}

// busyPeer keeps as much under way on one connection as the kernel takes.
func busyPeer(t trial) {
	s := t.serve(engine.Config{})
	busy := t.dial(s)
	busy.flood(math.MaxInt)
	var reading sync.WaitGroup
	reading.Go(func() { busy.finish() })
	defer reading.Wait()
	defer busy.abort()
	light := make([]*peer, 10)
	for i := range light {
		light[i] = t.dial(s)
	}
	before := s.waitFor("the busy peer moves", func(st engine.Stats) bool { return st.BytesOut > 0 }).BytesOut
	const rounds = 100
	for range rounds {
		for _, p := range light {
			p.echo(64)
		}
	}
	s.waitFor("the busy peer moves on", func(st engine.Stats) bool {
		return st.BytesOut-before > rounds*64*uint64(len(light))
	})
}
