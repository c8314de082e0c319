package page

import (
	"math/rand/v2"
	"testing"
	"time"
)

// BenchmarkDraw is what a second costs while somebody looks.
func BenchmarkDraw(b *testing.B) {
	t := Traffic{Loops: make([]Loop, 4)}
	for i := range 9 {
		c := Count{Name: string(rune('a' + i)), N: 1}
		t.Closes, t.Drops = append(t.Closes, c), append(t.Drops, c)
	}
	p := New(Config{Sample: func() Sample {
		t := t
		t.Active, t.Held = rand.Uint64N(1000), rand.Uint64N(1e6)
		t.BytesIn, t.BytesOut, t.DatagramsIn = rand.Uint64N(1e8), rand.Uint64N(1e8), rand.Uint64N(1e5)
		return Sample{Listeners: []Listener{{URL: "udp://127.0.0.1:7"}}, Traffic: &t}
	}})
	for i := range span + 1 {
		p.take(at(float64(i)))
	}
	size := 0
	for b.Loop() {
		p.take(p.at.Add(time.Second))
		d, err := p.draw(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		size = len(d.html)
	}
	b.ReportMetric(float64(size), "B/page")
}
