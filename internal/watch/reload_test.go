package watch

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"
)

// BenchmarkReload applies a list of which one target in ten is new, to targets that have
// ended: a target costs the same however many there are.
func BenchmarkReload(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			lists := [2][]Target{}
			for i := range n {
				t, err := Parse(fmt.Sprintf("tcp://10.%d.%d.%d:7", i>>16, i>>8&255, i&255))
				if err != nil {
					b.Fatal(err)
				}
				lists[0] = append(lists[0], t)
				if i%10 == 0 {
					t.Interval = time.Minute
				}
				lists[1] = append(lists[1], t)
			}
			w, err := New(Config{Interval: time.Second, Timeout: time.Second, Size: 64, Resolve: time.Second, MaxAddresses: n, Log: slog.New(slog.DiscardHandler)})
			if err != nil {
				b.Fatal(err)
			}
			ended, end := context.WithCancel(b.Context())
			end()
			var running sync.WaitGroup
			w.apply(ended, &running, lists[1])
			for i := 0; b.Loop(); i++ {
				if added, removed := w.apply(ended, &running, lists[i%2]); added != n/10 || removed != n/10 {
					b.Fatalf("%d added, %d removed, want %d of both", added, removed, n/10)
				}
			}
			running.Wait()
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/target")
		})
	}
}
