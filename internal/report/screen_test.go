package report

import (
	"strings"
	"testing"
	"time"

	"echod/internal/dial"
	"echod/internal/hist"
	"echod/internal/load"
)

func TestScreenIsOneLineForAnInterim(t *testing.T) {
	s := NewScreen(load.Plan{URL: "tcp://a:7"})
	if got := s.Line(); got != "connecting" {
		t.Errorf("got %q, want connecting", got)
	}
	latency := hist.New()
	latency.Record(2 * time.Millisecond)
	s.Add(load.Progress{
		At: 3 * time.Second, Of: 10 * time.Second,
		Interval: load.Interval{Seconds: 1, Answered: 400, Conns: 4, Latency: latency},
		Total:    load.Outcomes{Due: 1200, Answered: 1199, Failed: load.Classes{dial.Timeout: 1}},
	})
	const want = "3s of 10s, 4 connections, rate 400/s, p50 2.00 ms, p90 2.00 ms, p99 2.00 ms, max 2.00 ms, due 1,200, answered 1,199, failed 1 timeout 1"
	if got := s.Line(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	s.plan.Threads = 2
	if got := s.Line(); !strings.HasPrefix(got, "3s of 10s, 4 connections on 2 threads, rate") {
		t.Errorf("got %s, want the number of threads", got)
	}
}
