package load

import (
	"fmt"
	"testing"
	"time"

	"echod/echotest"
	"echod/internal/dial"
)

// BenchmarkClosedLoop measures the cost of a message of 64 bytes on 50 connections, with
// the server in the same process: for both drivers, with and without comparing the bytes.
// lab/compare/README.md compares the loop with a generator in C.
func BenchmarkClosedLoop(b *testing.B) {
	url := echotest.NewServer(b).URL()
	target, err := dial.Parse(url)
	if err != nil {
		b.Fatal(err)
	}
	sizes, err := ParseSizes("64")
	if err != nil {
		b.Fatal(err)
	}
	for name, make := range drivers {
		for _, verify := range []bool{false, true} {
			b.Run(fmt.Sprintf("%s/verify=%v", name, verify), func(b *testing.B) {
				p := Plan{URL: url, Target: target, Conns: 50, Depth: 1, Sizes: sizes, Messages: int64(b.N),
					Timeout: 10 * time.Second, Verify: verify, Seed: 1}
				b.ReportAllocs()
				r, err := runWith(b.Context(), p, nil, make)
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(r.Answered)/r.Seconds, "messages/s")
			})
		}
	}
}
