//go:build linux

package main

import (
	"testing"

	"echod/docs/engines/exercises/judge"
)

func TestMain(m *testing.M) { judge.Main(m, main) }

// TestServer also refuses a repair that goes on to read after the end.
func TestServer(t *testing.T) {
	s := judge.Start(t)
	c := s.Dial(t) // it sends and finishes, and does not read
	if _, err := c.Write(make([]byte, 512<<10)); err != nil {
		t.Fatal(err)
	}
	c.CloseWrite()
	s.Sleeps(t, judge.Finding{
		Rule:   "judge/sleeps-after-a-half-close",
		Means:  "While a client that has finished does not read, the server uses a whole CPU.",
		Cause:  "poll is asked for POLLIN after the end, and the end can be read again and again",
		Remedy: "when a read has returned 0, wait for POLLOUT only",
	})
	s.Check(t, "stream/half-close-owed")
}
