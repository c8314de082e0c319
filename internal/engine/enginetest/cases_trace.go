package enginetest

import (
	"context"
	"errors"
	"strings"
	"sync"

	"echod/internal/engine"
	"echod/internal/trace"
)

// traceCases test what the doc comment of Server.Trace says. They also run with a trace of all
// connections: one connection may be in both.
var traceCases = []testCase{
	{
		name:    "an open stream is traced from now on, to its end",
		promise: "Trace calls Open and records each call; no byte is counted twice or missing",
		on:      "tcp tls unix",
		traced:  true,
		run:     traceOpenStream,
	},
	{
		name:    "the trace of a stalled reader begins at once",
		promise: "Trace does not wait until bytes move",
		on:      "tcp tls unix",
		traced:  true,
		run:     traceStalledReader,
	},
	{
		name:    "a trace ends when it is stopped, and can begin again",
		promise: "after stop nothing is recorded; the stream goes on",
		on:      "tcp tls unix",
		traced:  true,
		run:     traceAgain,
	},
	{
		name:    "a busy stream leaves steps out of its trace, and counts their bytes",
		promise: "LiveConfig.PerSecond bounds the steps of a second",
		on:      "tcp tls unix",
		run:     traceBusyStream,
	},
	{
		name:    "Trace returns ErrNoStream for a stream that is not open",
		promise: "Trace returns ErrNoStream for an unknown ID, before Serve the error of its context, and after Shutdown ErrNoStream",
		run:     traceNoStream,
	},
}

// liveTrace collects the steps of a stream.
type liveTrace struct {
	life *trace.Life
	stop func()

	mu    sync.Mutex
	steps []trace.Record
}

// trace begins the trace of the only stream of s.
func (s *server) trace(perSecond int) *liveTrace {
	s.t.Helper()
	peers := s.peers(2)
	if len(peers) != 1 {
		s.t.Fatalf("got %d streams, want 1", len(peers))
	}
	l := &liveTrace{}
	l.life = trace.Live(trace.LiveConfig{Payload: 8, PerSecond: perSecond, Keep: func(r trace.Record) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.steps = append(l.steps, r)
	}})
	stop, err := s.Trace(context.Background(), peers[0].ID, l.life)
	if err != nil {
		s.t.Fatalf("Trace: %v", err)
	}
	l.stop = stop
	s.t.eventually(func() bool { return len(l.kept()) > 0 }, "the trace begins")
	first := l.kept()[0]
	if first.Op != trace.Begin || first.Engine != s.t.engine.Name() || first.Peer == "" || first.Took < 0 || first.Took > 2*waitLimit {
		s.t.Errorf("got the first step %+v, want begin, with peer, engine and age", first)
	}
	return l
}

func (l *liveTrace) kept() []trace.Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.steps[:len(l.steps):len(l.steps)]
}

// all returns the steps that were kept, and the one for those that were left out since.
func (l *liveTrace) all() []trace.Record {
	steps := l.kept()
	if missing, any := l.life.Missing(); any {
		steps = append(steps, missing)
	}
	return steps
}

// omitted returns how many steps were left out.
func (l *liveTrace) omitted() (n int) {
	for _, r := range l.all() {
		if r.Op == trace.Omitted {
			n += r.N
		}
	}
	return n
}

// moved returns the bytes that the steps say were received and sent, those before the trace
// included.
func (l *liveTrace) moved() (in, out int64) {
	for _, r := range l.all() {
		in, out = in+r.Received, out+r.Sent
		switch moved := int64(max(r.N, 0)); r.Op {
		case trace.Receive:
			in += moved
		case trace.Send:
			out += moved
		}
	}
	return in, out
}

// waitMoved waits until the trace has this many bytes in both directions.
func (l *liveTrace) waitMoved(t trial, want int64) {
	t.Helper()
	t.eventually(func() bool { in, out := l.moved(); return in == want && out == want }, "the trace has %d bytes in and out", want)
}

func traceOpenStream(t trial) {
	s := t.serve(engine.Config{Loops: t.loops(2)})
	p := t.dial(s)
	p.echo(1000)
	s.waitBalanced(1)
	l := s.trace(0)
	if first := l.kept()[0]; first.Received != 1000 || first.Sent != 1000 {
		t.Errorf("before the trace: got %d bytes in, %d out, want 1000 each", first.Received, first.Sent)
	}
	for range 10 {
		p.echo(100)
	}
	l.waitMoved(t, 2000)
	p.halfClose()
	t.eventually(l.life.Over, "the trace has the end")
	last := l.kept()[len(l.kept())-1]
	if last.Op != trace.Close || strings.HasPrefix(last.Why, "a reset") {
		t.Errorf("got the last step %+v, want a close that is not a reset", last)
	}
	l.stop()
	s.waitIdle()
}

func traceStalledReader(t trial) {
	s := t.serve(engine.Config{Loops: t.loops(2), StallTimeout: 4 * waitLimit})
	p := t.dialNarrow(s)
	p.flood(8 << 20)
	s.waitQuiet()
	l := s.trace(0)
	p.receive(8 << 20)
	p.writing.Wait() // flood and echo must not write at the same time
	l.waitMoved(t, 8<<20)
	l.stop()
	p.echo(10)
}

func traceAgain(t trial) {
	s := t.serve(engine.Config{Loops: t.loops(2)})
	p := t.dial(s)
	p.echo(10)
	s.waitBalanced(1)
	first := s.trace(0)
	p.echo(10)
	first.waitMoved(t, 20)
	first.stop()
	first.life.End()
	p.echo(10)
	s.waitBalanced(1)
	second := s.trace(0)
	p.echo(10)
	second.waitMoved(t, 40)
	if in, out := first.moved(); in != 20 || out != 20 {
		t.Errorf("after stop: got %d bytes in, %d out, want 20 each", in, out)
	}
	second.stop()
	p.echo(10)
}

func traceBusyStream(t trial) {
	s := t.serve(engine.Config{Loops: t.loops(2)})
	p := t.dial(s)
	p.echo(1)
	s.waitBalanced(1)
	const perSecond, messages = 3, 200
	l := s.trace(perSecond)
	for range messages {
		p.echo(10)
	}
	l.waitMoved(t, 1+10*messages)
	t.eventually(func() bool { return l.omitted() > 0 }, "steps are left out")
	p.halfClose()
	t.eventually(l.life.Over, "the trace has the end")
	if in, out := l.moved(); in != 1+10*messages || out != in {
		t.Errorf("at the end: got %d bytes in, %d out, want %d each", in, out, 1+10*messages)
	}
	l.stop()
}

func traceNoStream(t trial) {
	s := t.bind(engine.Config{})
	life := trace.Live(trace.LiveConfig{Keep: func(r trace.Record) { t.Errorf("got the step %+v", r) }})
	now, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Trace(now, 1, life); t.engine.Caps().Loops && !errors.Is(err, context.Canceled) {
		t.Errorf("before Serve: got %v, want %v", err, context.Canceled)
	}
	s.start()
	for _, id := range []uint64{0, 1, engine.StreamID(1, -1), 1<<64 - 1} {
		if _, err := s.Trace(context.Background(), id, life); err != engine.ErrNoStream {
			t.Errorf("stream %#x: got %v, want %v", id, err, engine.ErrNoStream)
		}
	}
	s.close()
	if _, err := s.Trace(context.Background(), 1, life); err != engine.ErrNoStream {
		t.Errorf("after Shutdown: got %v, want %v", err, engine.ErrNoStream)
	}
}
