package enginetest

import (
	"context"

	"echod/internal/engine"
)

// endCases try how a stream ends when the client has finished.
var endCases = []testCase{
	{
		name:    "half-close after 1 MB",
		promise: "S2: a client that finished receives everything, then an end of file",
		on:      "tcp tls unix",
		run:     halfClose,
	},
	{
		name:    "FIN while the server is blocked writing",
		promise: "S2: the end of the input does not overtake the bytes that are owed",
		on:      "tcp tls unix",
		run:     finWhileBlocked,
	},
	{
		name:    "FIN at once is answered by a FIN",
		promise: "S2: nothing sent and nothing received is a clean end",
		on:      "tcp tls unix",
		run:     finAtOnce,
	},
	{
		name:    "an earned end outlives the server",
		promise: "S2: once a stream has finished, what the kernel still holds is delivered",
		on:      "tcp tls unix",
		run:     earnedEnd,
	},
}

func halfClose(t trial) {
	s := t.serve(engine.Config{})
	p := t.dial(s)
	p.deliver(1 << 20)
	p.receive(1 << 20)
	p.wantWhole()
	t.wantClosed(s.waitIdle(), engine.Finished, 1)
}

func finWhileBlocked(t trial) {
	s := t.serve(engine.Config{})
	p := t.dialNarrow(s)
	p.fill(s.Stats)
	p.fin()
	p.wantWhole()
	t.wantClosed(s.waitIdle(), engine.Finished, 1)
}

func finAtOnce(t trial) {
	s := t.serve(engine.Config{})
	p := t.dial(s)
	p.fin()
	p.wantWhole()
	t.wantClosed(s.waitIdle(), engine.Finished, 1)
}

func earnedEnd(t trial) {
	s := t.serve(engine.Config{})
	p := t.dialNarrow(s)
	p.send(12 << 10)
	p.fin()
	s.waitFor("the stream has sent everything", func(st engine.Stats) bool {
		return st.Closes[engine.Finished]+st.Finishing == 1
	})
	if err := s.Shutdown(context.Background()); err != nil {
		t.Errorf("Shutdown with nothing owed: got %v, want nil", err)
	}
	p.wantWhole()
}
