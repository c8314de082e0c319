// Package page serves the live page: what an echod does now, and what it did in the
// last ten minutes. It draws the snapshots of a service, an agent or a watch.
package page

import (
	"context"
	"net/http"
	"sync"
	"time"

	"echod/internal/agent"
	"echod/internal/engine"
	"echod/internal/server"
	"echod/internal/watch"
)

// Config says what a page shows. Serve, Agent and Watch return the snapshots that it
// draws; those that are nil are not shown. They are called from any goroutine.
type Config struct {
	Name    string // of the process, e.g. "echod serve"
	Version string

	// Serve is called once a second.
	Serve func() server.Snapshot
	// Peers returns the n streams that moved most bytes and the n that have waited
	// longest, each once. It is called at most once a second, and only while
	// somebody looks.
	Peers func(ctx context.Context, n int) ([]engine.Peer, error)

	// Trace begins the trace of one of the Peers. It is called when somebody looks at /trace. Nil
	// means that nobody may: there is no such path.
	Trace        TraceFunc
	TracePayload int // bytes of each message in a trace

	// Agent is called once a second.
	Agent       func() agent.Snapshot
	AgentURL    string // where the agent listens
	AgentLimits agent.Limits

	// Watch is called at most once a second, and only while somebody looks.
	Watch func() watch.Snapshot
}

// Page is an http.Handler. Its methods may be called from any goroutine.
type Page struct {
	config  Config
	mux     *http.ServeMux
	started time.Time

	mu       sync.Mutex
	history  history
	service  server.Snapshot // the newest
	at       time.Time       // of the newest sample
	draining time.Time       // when a drain was first seen

	traces *traces // nil without Config.Trace

	drawing sync.Mutex // held while the page is drawn: requests in the meantime get the same drawing
	drawn   *drawing   // the last one
}

// New returns a page. It shows nothing new unless [Page.Run] runs.
func New(config Config) *Page {
	now := time.Now()
	p := &Page{config: config, mux: http.NewServeMux(), started: now, at: now}
	p.routes()
	p.traceRoutes()
	return p
}

// ServeHTTP serves the page at /, and its style, script, icon and state.
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) { p.mux.ServeHTTP(w, r) }

// Run takes a sample each second until ctx ends.
func (p *Page) Run(ctx context.Context) {
	second := time.NewTicker(time.Second)
	defer second.Stop()
	if p.traces != nil {
		defer p.traces.forgetAll()
	}
	p.sample(time.Now())
	for {
		select {
		case now := <-second.C:
			p.sample(now)
		case <-ctx.Done():
			return
		}
	}
}

// sample adds the snapshots of now to the history.
func (p *Page) sample(now time.Time) {
	s := sample{at: now}
	var service server.Snapshot
	if p.config.Serve != nil {
		service = p.config.Serve()
		s.stats = new(engine.Stats)
		for _, e := range service.Engines {
			s.stats.Add(e.Stats)
		}
	}
	if p.config.Agent != nil {
		snap := p.config.Agent()
		s.agent = &snap
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at, p.service = now, service
	if s.stats != nil || s.agent != nil {
		p.history.add(s)
	}
	if service.Draining && p.draining.IsZero() {
		p.draining = now
	}
}

// sampled returns the time of the newest sample.
func (p *Page) sampled() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.at
}
