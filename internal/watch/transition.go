package watch

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"sync"
	"time"

	"echod/internal/dial"
)

// Transition is that an address has gone up or down. The first answer of an address is
// none.
type Transition struct {
	Target, Address string
	Labels          map[string]string // of the target; must not be changed
	Up              bool
	Class           dial.Class // of the last lost probe
	Since           time.Time  // when the first of the lost probes was known to be lost, or the answer arrived
}

// transition returns what the last probe has changed, if it has. The arguments are the
// state before it.
func (o *outage) transition(known, up bool, at time.Time) (t Transition, ok bool) {
	switch {
	case !o.known, known && up == o.up, !known && o.up:
		return t, false
	case o.up:
		return Transition{Up: true, Since: at}, true
	}
	return Transition{Since: o.start}, true
}

// The limits of calls of Config.OnChange.
const (
	MaxCalls    = 16 // at once, of all addresses
	CallTimeout = 30 * time.Second
)

// The results of calls of Config.OnChange.
const (
	CallOK       = "ok"
	CallFailed   = "failed"
	CallTimedOut = "timeout"
	CallReplaced = "replaced" // not called: the address has changed again before it could be
)

// CallResults returns all results of calls of Config.OnChange.
func CallResults() []string { return []string{CallOK, CallFailed, CallTimedOut, CallReplaced} }

// caller calls Config.OnChange: for each address one call at a time, and at most MaxCalls.
type caller struct {
	onChange func(context.Context, Transition) error
	slots    chan struct{}
	calls    sync.WaitGroup

	mu      sync.Mutex
	results map[string]uint64
}

func newCaller(onChange func(context.Context, Transition) error) *caller {
	return &caller{onChange: onChange, slots: make(chan struct{}, MaxCalls), results: make(map[string]uint64)}
}

func (c *caller) count(result string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.results[result]++
}

func (c *caller) counts() map[string]uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.results)
}

// waiting is the newest transition of one address that has not been reported.
type waiting struct {
	caller *caller
	log    *slog.Logger
	alive  context.Context // ends when the address is removed: nothing waits for a call then

	mu      sync.Mutex
	next    *Transition
	calling bool
}

// add reports t when the calls before have ended. It replaces one that still waits. It does
// not block.
func (w *waiting) add(ctx context.Context, t Transition) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.next != nil {
		w.caller.count(CallReplaced)
	}
	w.next = &t
	if !w.calling {
		w.calling = true
		w.caller.calls.Go(func() { w.run(ctx) })
	}
}

// run calls until no transition waits, or the address is removed.
func (w *waiting) run(ctx context.Context) {
	for {
		select {
		case w.caller.slots <- struct{}{}:
		case <-w.alive.Done():
			return
		}
		w.mu.Lock()
		t := w.next
		if w.alive.Err() != nil {
			t = nil
		}
		w.next, w.calling = nil, t != nil
		w.mu.Unlock()
		if t != nil {
			w.call(ctx, *t)
		}
		<-w.caller.slots
		if t == nil {
			return
		}
	}
}

func (w *waiting) call(ctx context.Context, t Transition) {
	limited, cancel := context.WithTimeout(ctx, CallTimeout)
	defer cancel()
	err := w.caller.onChange(limited, t)
	switch {
	case err == nil:
		w.caller.count(CallOK)
		return
	case ctx.Err() != nil:
		return // the watch ends
	case errors.Is(limited.Err(), context.DeadlineExceeded):
		w.caller.count(CallTimedOut)
	default:
		w.caller.count(CallFailed)
	}
	w.log.Warn("command of --on-change failed", slog.Bool("up", t.Up), slog.Any("error", err))
}
