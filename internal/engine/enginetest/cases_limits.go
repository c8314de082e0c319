package enginetest

import (
	"math"
	"sync"
	"time"

	"echod/internal/accept"
	"echod/internal/engine"
)

// timeoutCases test the stall timeout and the idle timeout.
var timeoutCases = []testCase{
	{
		name:    "a peer that sends and never reads is bounded in memory, then reset",
		promise: "S3, S7: the server stops reading, holds no more than Config.Buffer, and resets the peer after the stall timeout",
		on:      "tcp tls unix",
		run:     sendsWithoutEnd,
	},
	{
		name:    "a stalled peer with unread input gets a reset",
		promise: "S2: a client that has not received everything gets a reset, never a FIN",
		on:      "tcp tls unix",
		traced:  true,
		run:     stalledSeesReset,
	},
	{
		name:    "a peer that reads slowly is not stalled",
		promise: "S7: the stall timeout applies to a peer that takes nothing, not to one that takes little",
		on:      "tcp tls",
		run:     slowIsNotStalled,
	},
	{
		name:    "the idle timeout resets silent peers and is counted",
		promise: "P7: the reset is counted as Idle",
		on:      "tcp tls",
		traced:  true,
		run:     idleReset,
	},
	{
		name:    "without an idle timeout a silent stream stays open",
		promise: "S7: the service goes on until the client ends it",
		on:      "tcp tls unix",
		run:     silenceLasts,
	},
}

func sendsWithoutEnd(t trial) {
	const buffer, most = 64 << 10, 256 << 20
	s := t.serve(engine.Config{Buffer: buffer, StallTimeout: 500 * time.Millisecond})
	p := t.dial(s)
	p.flood(most)
	s.waitFor("the stream has ended", func(st engine.Stats) bool {
		if st.Held > buffer {
			t.Errorf("held: got %d bytes for one stream, want at most %d", st.Held, buffer)
		}
		return sum(st.Closes[:]) == 1
	})
	t.wantClosed(s.waitIdle(), engine.Stalled, 1)
	p.writing.Wait()
	if sent := p.sent.Load(); sent >= most {
		t.Errorf("a peer that does not read sent all of its %d bytes, want it blocked before", sent)
	}
	p.wantReset()
}

func stalledSeesReset(t trial) {
	s := t.serve(engine.Config{StallTimeout: 300 * time.Millisecond})
	p := t.dialNarrow(s)
	p.flood(64 << 20)
	p.writing.Wait()
	p.wantReset()
	t.wantClosed(s.waitIdle(), engine.Stalled, 1)
}

// slowIsNotStalled first reads fast, so that the server's send buffer grows. Then it reads
// a little at a time for longer than the stall timeout: in each such span much less than
// has to leave the buffer before the kernel reports the socket as writable. After a delay
// it reads more, so that a busy machine does not look like a stalled reader.
func slowIsNotStalled(t trial) {
	const stall, perStall = 3 * time.Second, 120_000
	s := t.serve(engine.Config{StallTimeout: stall})
	p := t.dial(s)
	if c, ok := p.Conn.(interface{ SetReadBuffer(int) error }); ok {
		c.SetReadBuffer(32 << 10) // so small that it acknowledges small reads
	}
	p.flood(64 << 20)
	p.receive(16 << 20)
	for began := time.Now(); time.Since(began) < 3*stall; time.Sleep(stall / 100) {
		due := perStall * time.Since(began) / stall
		p.receive(16<<20 + int(due) - int(p.received))
	}
	if st := s.Stats(); st.Active != 1 {
		t.Errorf("a peer that reads slowly: got its stream ended (%s), want it open", causes(st))
	}
}

func idleReset(t trial) {
	idle := 200 * time.Millisecond
	if t.network == "tls" {
		idle = 2 * time.Second // the handshake must not take longer
	}
	s := t.serve(engine.Config{IdleTimeout: idle})
	silent, spoke := t.dial(s), t.dial(s)
	silent.handshake()
	spoke.write(1)
	silent.wantReset()
	spoke.wantReset()
	t.wantClosed(s.waitIdle(), engine.Idle, 2)
}

// silenceLasts waits until another server with an idle timeout has reset its client.
func silenceLasts(t trial) {
	without := t.serve(engine.Config{})
	silent, spoke := t.dial(without), t.dial(without)
	spoke.echo(1)
	with := t.serve(engine.Config{IdleTimeout: 300 * time.Millisecond})
	t.dial(with).finish()
	silent.echo(10)
	spoke.echo(10)
}

// isolationCases test whether peers affect each other. They test that a healthy peer goes
// on, not how fast.
var isolationCases = []testCase{
	{
		name:    "200 stalled readers do not delay a healthy peer",
		promise: "S4: stalled readers do not delay a healthy peer",
		on:      "tcp tls unix",
		alone:   true,
		run:     stalledPeers,
	},
	{
		name:    "a thousand slow and silent peers do not delay a healthy one",
		promise: "S4: slow and silent peers do not delay others, and their bytes are echoed at once",
		alone:   true,
		run:     trickle,
	},
	{
		name:    "one busy peer does not starve ten others",
		promise: "S4: the bytes that are read from one connection at once are bounded",
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
	s.waitQuiet()
	late := t.dial(s)
	for range 500 {
		early.echo(64)
		late.echo(1000)
	}
	if st := s.Stats(); st.Active != peers+2 {
		t.Errorf("streams open: got %d (%s), want %d: the stalled readers must still be open", st.Active, causes(st), peers+2)
	}
}

func trickle(t trial) {
	s := t.serve(engine.Config{})
	peers := make([]*peer, t.maxConns(1000))
	for i := range peers {
		peers[i] = t.dial(s)
	}
	healthy := t.dial(s)
	for range 3 {
		for _, p := range peers[:len(peers)/2] { // the others stay silent
			p.send(1)
		}
		healthy.echo(100_000)
		for _, p := range peers[:len(peers)/2] {
			p.receive(1)
		}
	}
	if st := s.Stats(); int(st.Active) != len(peers)+1 {
		t.Errorf("streams open: got %d (%s), want %d", st.Active, causes(st), len(peers)+1)
	}
}

// busyPeer sends as much on one connection as the kernel takes.
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
	const rounds = 10
	for range rounds {
		for _, p := range light {
			p.echo(64)
		}
	}
	s.waitFor("the busy peer moves on", func(st engine.Stats) bool {
		return st.BytesOut-before > rounds*64*uint64(len(light))
	})
}

// limitCases test the limits on connections.
var limitCases = []testCase{
	{
		name:    "a connection above MaxConnsPerIP is reset and counted",
		promise: "P7: a connection above MaxConnsPerIP is reset and counted; after another has closed, a new one is served",
		traced:  true,
		run:     perAddress,
	},
	{
		name:    "at MaxConns new connections wait in the backlog",
		promise: "P1, P2: at the limit the listener pauses; connections in the queue are served as others end",
		on:      "tcp tls unix",
		traced:  true,
		run:     connectionsAboveMaxConns,
	},
}

func perAddress(t trial) {
	const limit = 3
	s := t.serve(engine.Config{Budget: engine.NewBudget(engine.Limits{MaxConnsPerIP: limit})})
	var peers []*peer
	for range limit {
		p := t.dial(s)
		p.echo(10)
		peers = append(peers, p)
	}
	if _, err := t.tryEcho(s); !isReset(err) {
		t.Errorf("one client more than %d: got %v, want a reset", limit, err)
	}
	st := s.waitFor("the refusal is counted", func(st engine.Stats) bool { return st.Refused[engine.RefusedPerIP] == 1 })
	if st.Active != limit {
		t.Errorf("streams open: got %d, want %d", st.Active, limit)
	}
	for _, p := range peers {
		p.echo(10)
	}

	peers[0].halfClose()
	peers[0].wantWhole()
	t.eventually(func() bool {
		_, err := t.tryEcho(s)
		return err == nil
	}, "a new client is served after another has left")
}

func connectionsAboveMaxConns(t trial) {
	const limit = 4
	s := t.serve(engine.Config{Budget: engine.NewBudget(engine.Limits{MaxConns: limit})})
	var inside []*peer
	for range limit {
		p := t.dial(s)
		p.echo(10)
		inside = append(inside, p)
	}
	var waiting []*peer
	for range limit {
		p := t.dial(s)
		p.writing.Go(func() { p.write(10) }) // under TLS it waits to be let in
		waiting = append(waiting, p)
	}
	st := s.waitFor("the listener pauses", func(st engine.Stats) bool { return st.Accepts[accept.Full] > 0 })
	if st.Active > limit {
		t.Errorf("streams open: got %d, want at most %d", st.Active, limit)
	}
	for _, p := range inside {
		p.echo(10)
		p.halfClose()
		p.wantWhole()
	}
	for _, p := range waiting {
		p.receive(10)
		p.halfClose()
		p.wantWhole()
	}
	st = s.waitIdle()
	t.wantClosed(st, engine.Finished, 2*limit)
	const spinning = 1000
	if pauses := st.Accepts[accept.Full]; pauses > spinning {
		t.Errorf("the listener paused %d times, want a few: it must not spin", pauses)
	}
}
