package page

import (
	"math/rand/v2"
	"testing"
	"time"

	"echod/internal/engine"
	"echod/internal/server"
	"echod/internal/sock"
)

// BenchmarkDraw measures the cost of one second while somebody looks.
func BenchmarkDraw(b *testing.B) {
	spec, err := sock.Parse("udp://127.0.0.1:7")
	if err != nil {
		b.Fatal(err)
	}
	p := New(Config{Serve: func() server.Snapshot {
		s := engine.Stats{Active: rand.Uint64N(1000), Held: rand.Uint64N(1e6), Loops: make([]engine.LoopStats, 4)}
		s.BytesIn, s.BytesOut, s.DatagramsIn = rand.Uint64N(1e8), rand.Uint64N(1e8), rand.Uint64N(1e5)
		for i := range s.Closes {
			s.Closes[i], s.Drops[i] = 1, 1
		}
		return server.Snapshot{Engines: []server.EngineSnapshot{{Engine: "epoll", Listeners: []sock.Spec{spec}, Stats: s}}}
	}})
	for i := range span + 1 {
		p.sample(at(float64(i)))
	}
	size := 0
	for b.Loop() {
		p.sample(p.at.Add(time.Second))
		d, err := p.draw(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		size = len(d.html)
	}
	b.ReportMetric(float64(size), "B/page")
}
