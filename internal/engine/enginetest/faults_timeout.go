package enginetest

import (
	"time"

	"echod/internal/engine"
)

// timeoutCases try the two patiences that an engine may lose, and that it loses
// neither unasked.
var timeoutCases = []testCase{
	{
		name:    "a peer that sends without end and reads nothing",
		promise: "S3: reading stops, no more than the buffer is held, and after the stall timeout it is reset and counted",
		on:      "tcp tls unix",
		run:     sendsWithoutEnd,
	},
	{
		name:    "the server closes with unread input",
		promise: "S2: the client sees a reset, never a FIN, when it has not received everything",
		on:      "tcp tls unix",
		run:     stalledSeesReset,
	},
	{
		name:    "a peer that reads slowly is not stalled",
		promise: "S7: the stall timeout is for a peer that takes nothing, not for one that takes little",
		on:      "tcp tls",
		run:     slowIsNotStalled,
	},
	{
		name:    "an idle timeout resets the silent and is counted",
		promise: "P7: the reset is counted as Idle",
		on:      "tcp tls",
		run:     idleReset,
	},
	{
		name:    "without an idle timeout silence lasts",
		promise: "S7: the service goes on until the caller ends it",
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
		t.Errorf("a peer that does not read sent all of its %d bytes, want it stopped before", sent)
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

// slowIsNotStalled reads fast at first, so that the server's send buffer grows,
// and then a little at a time for longer than the stall timeout: in each such
// span far less than has to be gone before the kernel calls the socket writable.
// Who was held up catches up, so that a busy machine is not taken for a stalled
// peer.
func slowIsNotStalled(t trial) {
	const stall, perStall = 3 * time.Second, 120_000
	s := t.serve(engine.Config{StallTimeout: stall})
	p := t.dial(s)
	if c, ok := p.Conn.(interface{ SetReadBuffer(int) error }); ok {
		c.SetReadBuffer(32 << 10) // so small that it acknowledges what little it reads
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
		idle = 2 * time.Second // who is silent before the handshake is done is another case
	}
	s := t.serve(engine.Config{IdleTimeout: idle})
	silent, spoke := t.dial(s), t.dial(s)
	silent.handshake()
	spoke.write(1)
	silent.wantReset()
	spoke.wantReset()
	t.wantClosed(s.waitIdle(), engine.Idle, 2)
}

// silenceLasts compares with a server that has the timeout: when that has lost
// its patience, this one must not have.
func silenceLasts(t trial) {
	patient := t.serve(engine.Config{})
	silent, spoke := t.dial(patient), t.dial(patient)
	spoke.echo(1)
	hasty := t.serve(engine.Config{IdleTimeout: 300 * time.Millisecond})
	t.dial(hasty).finish()
	silent.echo(10)
	spoke.echo(10)
}
