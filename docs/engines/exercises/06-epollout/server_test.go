//go:build linux

package main

import (
	"testing"
	"time"

	"echod/docs/engines/exercises/judge"
)

func TestMain(m *testing.M) { judge.Main(m, main) }

// TestServer also refuses a repair that always waits for everything.
func TestServer(t *testing.T) {
	s := judge.Start(t)
	s.Dial(t) // it sends nothing
	stalled := s.Dial(t)
	stalled.SetWriteDeadline(time.Now().Add(time.Second))
	stalled.Write(make([]byte, 64<<20)) // it reads nothing, so the buffers fill
	s.Sleeps(t, judge.Finding{
		Rule:   "judge/sleeps-while-a-client-stalls",
		Means:  "The server uses a whole CPU while none of its clients can be served.",
		Cause:  "it waits for what is there all the time: room for a peer that is owed nothing, or input that it will not read yet",
		Remedy: "wait for EPOLLOUT while bytes are owed, else for EPOLLIN",
	})
	s.Check(t, "stream/slow-reader")
}
