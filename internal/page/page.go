package page

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// Config is what a page shows, and whom it asks.
type Config struct {
	Name    string // what the process is, as in "echod serve"
	Version string

	// Sample is asked once a second; nil where there is only a Matrix.
	Sample func() Sample
	// Peers tells some of the streams: those that moved most, and those that
	// have waited longest, each once. It is asked at most once a second, and only
	// while somebody looks; nil where there are none to tell of.
	Peers func(ctx context.Context) ([]Peer, error)
	// Matrix is asked at most once a second, and only while somebody looks; nil
	// but for a watch.
	Matrix func() *Matrix
}

// Page is an http.Handler. Its methods may be called from any goroutine.
type Page struct {
	config Config
	mux    *http.ServeMux

	mu       sync.Mutex
	history  history
	at       time.Time // of the last turn of Run
	draining time.Time // when it was first seen to drain

	drawing sync.Mutex // held for as long as it takes: who comes meanwhile gets the same
	drawn   *drawing   // what somebody saw last
}

// New makes a page, which shows nothing new unless [Page.Run] goes on.
func New(config Config) *Page {
	p := &Page{config: config, mux: http.NewServeMux(), at: time.Now()}
	p.routes()
	return p
}

// ServeHTTP answers for the page at / and for what belongs to it.
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) { p.mux.ServeHTTP(w, r) }

// Run takes a sample each second until ctx ends.
func (p *Page) Run(ctx context.Context) {
	second := time.NewTicker(time.Second)
	defer second.Stop()
	p.take(time.Now())
	for {
		select {
		case now := <-second.C:
			p.take(now)
		case <-ctx.Done():
			return
		}
	}
}

// take takes a sample.
func (p *Page) take(now time.Time) {
	var s Sample
	if p.config.Sample != nil {
		s = p.config.Sample()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at = now
	if p.config.Sample == nil {
		return
	}
	p.history.add(now, s)
	if s.Draining && p.draining.IsZero() {
		p.draining = now
	}
}

// turned is when Run turned last.
func (p *Page) turned() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.at
}
