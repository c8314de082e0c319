package page

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"echod/internal/engine"
	"echod/internal/sequence"
	"echod/internal/trace"
)

// Traces are limited: each makes its connection slower, and has memory for its steps.
const (
	maxTraces = 4
	// keptSteps is how many steps a trace keeps, and stepsPerSecond how many of a second that
	// only wait or move bytes: eight messages on epoll.
	keptSteps      = 48
	stepsPerSecond = 24
	// lookTimeout is how long nobody may look at a trace before it ends. A page asks each half
	// second.
	lookTimeout = 10 * time.Second
	// traceTimeout is how long an engine may take to begin one.
	traceTimeout = time.Second
)

// TraceFunc begins the trace of the open stream with this ID; see engine.Server.
type TraceFunc func(ctx context.Context, id uint64, life *trace.Life) (stop func(), err error)

// traces are the connections that somebody looks at. Its methods may be called from any goroutine.
type traces struct {
	begin   TraceFunc
	payload int

	mu   sync.Mutex
	open map[uint64]*traced
}

// traced is one of them.
type traced struct {
	life  *trace.Life
	steps *sequence.Follower
	idle  *time.Timer   // ends the trace
	ready chan struct{} // closed when stop and err are set
	stop  func()
	err   error
}

var errManyTraces = fmt.Errorf("%d connections are traced already. A trace ends when nobody has looked at it for %v", maxTraces, lookTimeout)

// look returns the trace of a stream, and begins it if nobody looks at that stream yet. Two who
// look at one stream share its trace.
func (t *traces) look(ctx context.Context, id uint64) (*traced, error) {
	t.mu.Lock()
	one := t.open[id]
	first := one == nil
	switch {
	case !first:
		one.idle.Reset(lookTimeout)
	case len(t.open) >= maxTraces:
		t.mu.Unlock()
		return nil, errManyTraces
	default:
		one = &traced{steps: sequence.NewFollower(keptSteps), ready: make(chan struct{})}
		one.life = trace.Live(trace.LiveConfig{Payload: t.payload, PerSecond: stepsPerSecond, Keep: one.steps.Add})
		one.idle = time.AfterFunc(lookTimeout, func() { t.forget(id, one) })
		t.open[id] = one
	}
	t.mu.Unlock()
	if first {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), traceTimeout)
		defer cancel()
		one.stop, one.err = t.begin(ctx, id, one.life)
		close(one.ready)
	}
	<-one.ready
	if one.err != nil {
		t.forget(id, one)
		return nil, one.err
	}
	return one, nil
}

// forget ends a trace. It may be called more than once.
func (t *traces) forget(id uint64, one *traced) {
	t.mu.Lock()
	mine := t.open[id] == one
	if mine {
		delete(t.open, id)
	}
	t.mu.Unlock()
	if !mine {
		return
	}
	one.idle.Stop()
	one.life.End()
	<-one.ready
	if one.stop != nil {
		one.stop()
	}
}

// forgetAll ends all traces.
func (t *traces) forgetAll() {
	t.mu.Lock()
	all := make(map[uint64]*traced, len(t.open))
	for id, one := range t.open {
		all[id] = one
	}
	t.mu.Unlock()
	for id, one := range all {
		t.forget(id, one)
	}
}

// TraceState is the life of one connection while somebody looks at it.
type TraceState struct {
	*sequence.Life
	Over bool // the connection has ended
}

// now returns the state of the trace; nil if it has not begun.
func (one *traced) now() *TraceState {
	over := one.life.Over() // before the steps: the last one is among them then
	var missing *trace.Record
	if rec, any := one.life.Missing(); any && !over {
		missing = &rec
	}
	life := one.steps.Life(missing)
	if life == nil {
		return nil
	}
	return &TraceState{Life: life, Over: over}
}

// Rows returns the steps as rows of a table, the newest first.
func (s *TraceState) Rows() []traceRow {
	var rows []traceRow
	for i := range s.Steps {
		step := &s.Steps[i]
		row := traceRow{At: "+" + trace.Short(step.At), Held: trace.HeldText(step.Held), Why: step.Why}
		switch step.Op {
		case trace.Omitted:
			row.Why = trace.Line(&step.Record, "", 0)
		case trace.Begin:
		default:
			row.Call = trace.CallText(&step.Record)
		}
		rows = append(rows, row)
	}
	slices.Reverse(rows)
	return rows
}

// traceRow is a step.
type traceRow struct{ At, Call, Held, Why string }

// Where returns the peer and the engine.
func (s *TraceState) Where() string { return cmp.Or(s.Peer, "unknown peer") + " on " + s.Engine }

// Last returns the state of the connection and what waits; "" if it is unknown.
func (s *TraceState) Last() string { return trace.HeldText(s.Steps[len(s.Steps)-1].Held) }

// Ended returns how and when the connection ended.
func (s *TraceState) Ended() string {
	return fmt.Sprintf("%s, %s after accept", s.End(), trace.Short(s.Duration()))
}

// traceProblem returns why a stream is not traced, as a sentence.
func traceProblem(err error) string {
	switch {
	case errors.Is(err, engine.ErrNoStream):
		return "This connection is not open. It may have ended."
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Sprintf("The engine has not begun the trace within %v. The page tries again.", traceTimeout)
	}
	return err.Error() + "."
}
