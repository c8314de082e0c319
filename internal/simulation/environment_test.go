//go:build linux

package simulation

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"echod/internal/oplog"
)

// gate blocks its callers for a time, as something outside the process may do.
type gate struct {
	mu     sync.Mutex
	opened chan struct{} // closed while the gate is open
}

func newGate() *gate {
	g := &gate{opened: make(chan struct{})}
	close(g.opened)
	return g
}

// block blocks new callers for d; without limit if d is 0.
func (g *gate) block(d time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if isClosed(g.opened) {
		g.opened = make(chan struct{})
	}
	if d > 0 {
		time.AfterFunc(d, g.open)
	}
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !isClosed(g.opened) {
		close(g.opened)
	}
}

func (g *gate) wait() {
	g.mu.Lock()
	opened := g.opened
	g.mu.Unlock()
	<-opened
}

// logReader reads the log of a program.
type logReader struct {
	gate    *gate
	secret  string // must not be in the log; "": no check
	mu      sync.Mutex
	minute  time.Time
	lines   int // in that minute
	found   []string
	written int
}

// maxWritten is how many lines may be written in a minute: as many as oplog.DefaultLimit allows
// for each of a few kinds.
const maxWritten = 5 * 80

func (l *logReader) Write(p []byte) (int, error) {
	l.gate.wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := time.Now().Truncate(time.Minute); !now.Equal(l.minute) {
		l.minute, l.lines = now, 0
	}
	l.written++
	if l.lines++; l.lines == maxWritten {
		l.found = append(l.found, "the log has hundreds of lines in a minute")
	}
	if l.secret != "" && strings.Contains(string(p), l.secret) {
		l.found = append(l.found, "the token is in the log: "+string(p))
	}
	return len(p), nil
}

func (l *logReader) problems() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.found
}

// programLog is a log as in production, with its reader.
type programLog struct {
	*oplog.Log
	reader *logReader
}

func openLog(secret string) programLog {
	reader := &logReader{gate: newGate(), secret: secret}
	return programLog{oplog.Open(oplog.Config{Out: reader, Level: slog.LevelDebug}), reader}
}

// close closes the log, whose reader may block, and returns what was wrong with it.
func (l programLog) close() []string {
	begun := time.Now()
	l.Close(time.Second)
	took := time.Since(begun)
	l.reader.gate.open()
	if took > time.Second {
		return append(l.reader.problems(), "closing the log took "+took.String())
	}
	return l.reader.problems()
}

// tee passes every record to two handlers.
type tee [2]slog.Handler

func (t tee) Enabled(ctx context.Context, level slog.Level) bool { return t[0].Enabled(ctx, level) }

func (t tee) Handle(ctx context.Context, r slog.Record) error {
	return errors.Join(t[0].Handle(ctx, r.Clone()), t[1].Handle(ctx, r))
}

func (t tee) WithAttrs(attrs []slog.Attr) slog.Handler {
	return tee{t[0].WithAttrs(attrs), t[1].WithAttrs(attrs)}
}

func (t tee) WithGroup(name string) slog.Handler {
	return tee{t[0].WithGroup(name), t[1].WithGroup(name)}
}

// manager is the service manager, which receives the states of sd_notify(3).
type manager struct {
	gate *gate

	mu        sync.Mutex
	failing   bool
	disturbed bool // it has blocked or failed
	states    []string
	watchdog  time.Time // when WATCHDOG=1 last arrived
}

func (m *manager) notify(state string) error {
	m.gate.wait()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.failing {
		return errors.New("the service manager does not answer")
	}
	if state == "WATCHDOG=1" {
		m.watchdog = time.Now()
		return nil
	}
	m.states = append(m.states, state)
	return nil
}

// disturb blocks the manager for d, or makes it fail until the next disturb.
func (m *manager) disturb(d time.Duration, fail bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.disturbed, m.failing = true, fail
	if !fail {
		m.gate.block(d)
	}
}

// silence returns how long WATCHDOG=1 has not arrived; 0 if the manager was disturbed.
func (m *manager) silence() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.disturbed {
		return 0
	}
	return time.Since(m.watchdog)
}

// problems compares the states that have arrived with those that may arrive.
func (m *manager) problems(ended bool) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	got := strings.Join(m.states, " ")
	switch {
	case ended && !m.disturbed && got == "READY=1 STOPPING=1":
	case m.disturbed && (got == "" || got == "READY=1" || got == "STOPPING=1" || got == "READY=1 STOPPING=1"):
	case !ended && got == "READY=1", !ended && got == "READY=1 STOPPING=1":
	default:
		return []string{"the service manager received " + got}
	}
	return nil
}
