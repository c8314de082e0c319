//go:build linux

package main

import (
	"testing"
	"time"

	"echod/docs/engines/exercises/judge"
)

func TestMain(m *testing.M) { judge.Main(m, main) }

// TestServer also refuses a repair that goes on after every error.
func TestServer(t *testing.T) {
	s := judge.Start(t)
	c := s.Dial(t)
	c.SetWriteDeadline(time.Now().Add(time.Second))
	c.Write(make([]byte, 64<<20)) // it reads nothing, so the buffers fill
	c.SetLinger(0)                // so that Close sends a reset
	c.Close()
	s.Sleeps(t, judge.Finding{
		Rule:   "judge/sleeps-after-a-reset",
		Means:  "After a client that was owed bytes has reset its connection, the server uses a whole CPU.",
		Cause:  "a connection that is broken is not closed, and poll reports it again and again",
		Remedy: "go on after EAGAIN only; after any other error, close the connection",
	})
	s.Check(t, "stream/no-early-fin", "stream/slow-reader")
}
