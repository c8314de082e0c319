package enginetest

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"time"

	"echod/internal/accept"
	"echod/internal/engine"
)

// drainCases test Shutdown.
var drainCases = []testCase{
	{
		name:    "a drain sends megabytes to a slow reader that has half-closed",
		promise: "P5, S2: streams finish: the slow reader receives everything, then an end of file; new connections are refused",
		on:      "tcp tls unix",
		traced:  true,
		run:     drainOwed,
	},
	{
		name:    "a drain serves the connections in the accept queue",
		promise: "P5: a connection that was in the queue before Shutdown is accepted and served",
		on:      "tcp unix",
		alone:   true,
		traced:  true,
		run:     drainQueued,
	},
	{
		name:    "a drain at MaxConns serves the connections in the accept queue",
		promise: "P5, P7: connections in the queue are served as others end, and the drain ends with the last of them",
		on:      "tcp tls unix",
		traced:  true,
		run:     drainAtTheLimit,
	},
	{
		name:    "a drain at MaxConns resets and counts the queue when its time is up",
		promise: "P5, P7: when the context is done, connections in the queue are reset and counted as Drained",
		on:      "tcp unix",
		traced:  true,
		run:     drainAtTheLimitDeadline,
	},
	{
		name:    "a drain resets and counts open streams when its time is up",
		promise: "P5, P7: when the context is done, open streams are reset and counted as Drained",
		on:      "tcp tls unix",
		traced:  true,
		run:     drainDeadline,
	},
	{
		name:    "a second Shutdown waits for the same end and can make it come sooner",
		promise: "P5: Shutdown may be called again; streams are reset when the first context is done",
		on:      "tcp tls",
		run:     drainTwice,
	},
	{
		name:    "many Shutdowns at once under load end every stream honestly",
		promise: "P5, S2: every client receives all its bytes and a FIN, or a reset",
		on:      "tcp tls unix",
		run:     drainUnderLoad,
	},
}

func drainOwed(t trial) {
	const size = 2 << 20
	s := t.serve(engine.Config{})
	p := t.dialNarrow(s)
	p.deliver(size)
	s.waitQuiet()
	ended := s.shutdown(context.Background())
	t.eventually(func() bool {
		conn, err := connectTo(s)
		if err == nil {
			conn.Close()
			time.Sleep(50 * time.Millisecond) // do not fill the queue with connections
		}
		return err != nil
	}, "connects are refused while the server drains")
	select {
	case err := <-ended:
		t.Fatalf("Shutdown returned %v while megabytes were owed", err)
	default:
	}
	p.receive(size)
	p.wantWhole()
	t.wantSoon(ended, nil)
}

// drainQueued calls Shutdown as soon as the first of many queued connections is accepted.
func drainQueued(t trial) {
	s := t.bind(engine.Config{})
	queued := make([]*peer, t.maxConns(1000))
	for i := range queued {
		queued[i] = t.dial(s)
		queued[i].send(100)
	}
	s.start()
	for s.Stats().Accepted == 0 {
		runtime.Gosched() // a sleep would be too long
	}
	ended := s.shutdown(context.Background())
	for _, p := range queued {
		p.receive(100)
		p.halfClose()
		p.wantWhole()
	}
	t.wantSoon(ended, nil)
	t.wantClosed(s.Stats(), engine.Finished, uint64(len(queued)))
}

// fillLimitAndQueue returns a server with limit open connections and queue more in its
// accept queue.
func (t trial) fillLimitAndQueue(limit, queue int) (s *server, inside, queued []*peer) {
	s = t.serve(engine.Config{Loops: 2, Budget: engine.NewBudget(engine.Limits{MaxConns: limit})})
	for range limit {
		p := t.dial(s)
		p.echo(10)
		inside = append(inside, p)
	}
	for range queue {
		p := t.dial(s)
		p.writing.Go(func() { p.write(10) }) // under TLS it waits to be let in
		queued = append(queued, p)
	}
	s.waitFor("the listener pauses", func(st engine.Stats) bool { return st.Accepts[accept.Full] > 0 })
	return s, inside, queued
}

func drainAtTheLimit(t trial) {
	const limit, queue = 3, 30
	s, inside, queued := t.fillLimitAndQueue(limit, queue)
	ended := s.shutdown(context.Background())
	for _, p := range inside {
		p.echo(10)
		p.halfClose()
		p.wantWhole()
	}
	for _, p := range queued {
		p.receive(10)
		p.halfClose()
		p.wantWhole()
	}
	t.wantSoon(ended, nil)
	t.wantClosed(s.Stats(), engine.Finished, limit+queue)
}

func drainAtTheLimitDeadline(t trial) {
	const limit, queue = 3, 30
	s, inside, queued := t.fillLimitAndQueue(limit, queue)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	t.wantSoon(s.shutdown(ctx), context.DeadlineExceeded)
	if t.network == "tcp" {
		for _, p := range append(inside, queued...) {
			p.writing.Wait()
			p.wantReset()
		}
	}
	t.wantClosed(s.Stats(), engine.Drained, limit+queue)
}

func drainDeadline(t trial) {
	s := t.serve(engine.Config{})
	owed := t.dialOwed(s, s.Stats)
	silent, spoke := t.dial(s), t.dial(s)
	spoke.echo(100)
	stalled := t.stall(s, 3)
	s.waitQuiet()
	s.waitFor("6 streams are open", func(st engine.Stats) bool { return st.Active == 6 })

	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	t.wantSoon(s.shutdown(ctx), context.DeadlineExceeded)
	t.wantSoon(s.served, engine.ErrClosed)
	for _, p := range stalled {
		p.writing.Wait()
		p.wantReset()
	}
	owed.wantHonest()
	if t.network != "unix" { // a unix socket without owed bytes cannot be reset
		silent.wantReset()
		spoke.wantReset()
	}
	t.wantClosed(s.Stats(), engine.Drained, 6)
}

func drainTwice(t trial) {
	s := t.serve(engine.Config{})
	t.dial(s).echo(1)
	first := s.shutdown(context.Background())
	second := s.shutdown(context.Background())
	now, cancel := context.WithCancel(context.Background())
	cancel()
	t.wantSoon(s.shutdown(now), context.Canceled)
	for _, earlier := range []<-chan error{first, second} {
		select {
		case <-earlier:
		case <-time.After(waitLimit):
			t.Fatal("an earlier Shutdown still waits after all streams were reset")
		}
	}
	t.wantClosed(s.Stats(), engine.Drained, 1)
	t.wantSoon(s.shutdown(context.Background()), nil)
}

func drainUnderLoad(t trial) {
	s := t.serve(engine.Config{})
	var loaded, clients sync.WaitGroup
	stop := make(chan struct{})
	for i := range 20 {
		p := t.dial(s)
		loaded.Add(1)
		clients.Go(func() {
			finishes := i%2 == 0
			switch end := p.load(loaded.Done, stop, finishes); {
			case end != nil && !isReset(end):
				t.Errorf("got %v after %d bytes of %d, want an end of file or a reset", end, p.received, p.sent.Load())
			case end == nil && p.received != p.sent.Load():
				t.Errorf("got an end of file after %d bytes of %d, want it after all of them", p.received, p.sent.Load())
			case end == nil && !finishes && t.network != "unix":
				t.Error("got an end of file without having finished, want a reset")
			}
		})
	}
	loaded.Wait()
	var ends []<-chan error
	for i := range 8 {
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(200+10*i)*time.Millisecond)
		defer cancel()
		ends = append(ends, s.shutdown(ctx))
	}
	close(stop)
	for _, end := range ends {
		select {
		case <-end:
		case <-time.After(waitLimit):
			t.Fatal("Shutdown still waits long after its context has ended")
		}
	}
	clients.Wait()
}

// load sends and receives until stop. Then it half-closes, or goes on until it is reset.
// It calls begun when it has received the first byte, and returns how the stream ended.
func (p *peer) load(begun func(), stop <-chan struct{}, finishes bool) error {
	p.writing.Go(func() {
		for {
			select {
			case <-stop:
				if finishes {
					p.closeWrite()
					return
				}
			default:
			}
			if p.write(10_000) != nil {
				return
			}
		}
	})
	err := p.read(1)
	begun()
	if err != nil {
		return err
	}
	err = p.finish()
	p.writing.Wait() // sent is final
	return err
}

// shutdown runs Shutdown in the background.
func (s *server) shutdown(ctx context.Context) <-chan error {
	done := make(chan error, 1)
	go func() { done <- s.Shutdown(ctx) }()
	return done
}

// wantSoon waits for an error and compares it with want.
func (t trial) wantSoon(ended <-chan error, want error) {
	t.Helper()
	select {
	case err := <-ended:
		if !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	case <-time.After(waitLimit):
		t.Fatalf("waited %v for %v", waitLimit, want)
	}
}
