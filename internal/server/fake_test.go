package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"echod/internal/engine"
	"echod/internal/sock"
	"echod/internal/trace"
)

// fakeEngine is an engine that moves no bytes and does what a test needs.
type fakeEngine struct {
	name   string
	caps   engine.Caps
	probe  error
	newErr error
	setup  func(*fakeServer)

	got     engine.Config
	servers []*fakeServer
}

func (e *fakeEngine) Name() string      { return e.name }
func (e *fakeEngine) Caps() engine.Caps { return e.caps }
func (e *fakeEngine) Probe() error      { return e.probe }

func (e *fakeEngine) New(cfg engine.Config) (engine.Server, error) {
	e.got = cfg
	if e.newErr != nil {
		return nil, e.newErr
	}
	s := &fakeServer{closed: make(chan struct{})}
	for _, ln := range cfg.Listeners {
		s.specs = append(s.specs, ln.Spec)
	}
	if e.setup != nil {
		e.setup(s)
	}
	e.servers = append(e.servers, s)
	return s, nil
}

type fakeServer struct {
	specs    []sock.Spec
	serveErr error       // if not nil, Serve returns it at once
	busy     bool        // whether streams are open until the context of Shutdown is done
	hangs    atomic.Bool // whether a loop hangs

	once   sync.Once
	closed chan struct{}
	mu     sync.Mutex
	stats  engine.Stats
	peers  []engine.Peer
}

func (s *fakeServer) Listeners() []sock.Spec { return s.specs }

func (s *fakeServer) Serve() error {
	if s.serveErr != nil {
		return s.serveErr
	}
	<-s.closed
	return engine.ErrClosed
}

func (s *fakeServer) Shutdown(ctx context.Context) error {
	defer s.once.Do(func() { close(s.closed) })
	s.ended(engine.Finished, 3)
	if !s.busy {
		return nil
	}
	<-ctx.Done()
	s.ended(engine.Drained, 2)
	return ctx.Err()
}

func (s *fakeServer) ended(cause engine.Cause, n uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Closes[cause] += n
}

func (s *fakeServer) CheckAlive(ctx context.Context) error {
	if s.hangs.Load() {
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}

func (s *fakeServer) Peers(context.Context, int) ([]engine.Peer, error) { return s.peers, nil }

func (s *fakeServer) Trace(_ context.Context, id uint64, _ *trace.Life) (func(), error) {
	for _, p := range s.peers {
		if p.ID == id {
			return func() {}, nil
		}
	}
	return nil, engine.ErrNoStream
}

func (s *fakeServer) Stats() engine.Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
}

// isClosed reports whether Shutdown has returned.
func (s *fakeServer) isClosed() bool {
	select {
	case <-s.closed:
		return true
	default:
		return false
	}
}

// all returns a fake with all capabilities.
func all(name string) *fakeEngine {
	return &fakeEngine{name: name, caps: engine.Caps{Networks: []string{"tcp", "tls", "udp", "unix"}, Loops: true, BusyPoll: true}}
}

// config returns a configuration with these URLs and fakes. The first fake serves URLs
// that name no engine.
func config(t *testing.T, urls string, fakes ...*fakeEngine) Config {
	t.Helper()
	cfg := Config{Engine: fakes[0].name, TLSEngine: fakes[len(fakes)-1].name, Lookup: func(name string) (engine.Engine, error) {
		if i := slices.IndexFunc(fakes, func(e *fakeEngine) bool { return e.name == name }); i >= 0 {
			return fakes[i], nil
		}
		return nil, fmt.Errorf("unknown engine %q", name)
	}}
	for url := range strings.FieldsSeq(urls) {
		spec, err := sock.Parse(url)
		if err != nil {
			t.Fatal(err)
		}
		cfg.Listeners = append(cfg.Listeners, engine.Listener{Spec: spec})
	}
	return cfg
}

func mustPlan(t *testing.T, cfg Config) *Plan {
	t.Helper()
	p, err := NewPlan(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// journal collects a log without times and levels, or the states that were sent to a
// service manager.
type journal struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.String()
}

func (j *journal) notify(state string) error {
	fmt.Fprintln(j, state)
	return nil
}

func (j *journal) log() *slog.Logger {
	return slog.New(slog.NewTextHandler(j, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey || a.Key == slog.LevelKey {
			return slog.Attr{}
		}
		return a
	}}))
}

var errBroken = errors.New("the poller is gone")
