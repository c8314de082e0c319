package enginetest

import (
	"context"
	"time"

	"echod/internal/engine"
)

// unixCases try what a unix peer reads when the server ends its stream while it
// is owed nothing. The kernel has no reset for that: it gives ECONNRESET to the
// peer of a socket that is closed with bytes unread, and there are none. The end
// of file is honest, because the peer has received all that it sent.
var unixCases = []testCase{
	{
		name:    "a unix peer that is owed nothing reads an end of file at the idle timeout",
		promise: "S2: a clean end of file means that it has received all of it; P7: the end is counted as Idle",
		on:      "unix",
		run:     idleUnix,
	},
	{
		name:    "a unix peer that is owed nothing reads an end of file when the drain is over",
		promise: "S2: a clean end of file means that it has received all of it; P5: the end is counted as Drained",
		on:      "unix",
		run:     drainedUnix,
	},
}

func idleUnix(t trial) {
	s := t.serve(engine.Config{IdleTimeout: time.Second})
	silent, spoke := t.dial(s), t.dial(s)
	spoke.echo(1000)
	silent.wantWhole()
	spoke.wantWhole()
	t.wantClosed(s.waitIdle(), engine.Idle, 2)
}

func drainedUnix(t trial) {
	s := t.serve(engine.Config{})
	silent, spoke := t.dial(s), t.dial(s)
	spoke.echo(1000)
	s.waitBalance(2)
	now, cancel := context.WithCancel(context.Background())
	cancel()
	s.Shutdown(now)
	silent.wantWhole()
	spoke.wantWhole()
	t.wantClosed(s.Stats(), engine.Drained, 2)
}
