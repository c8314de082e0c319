//go:build linux

package main

import (
	"testing"

	"echod/docs/engines/exercises/judge"
)

func TestMain(m *testing.M) { judge.Main(m, main) }

// TestServer uses up the descriptors of the server. Then it closes the clients: the server
// must serve others.
func TestServer(t *testing.T) {
	s := judge.Start(t)
	clients := s.UseUpDescriptors(t, 32)
	s.Sleeps(t, judge.Finding{
		Rule:   "judge/sleeps-without-descriptors",
		Means:  "A server that cannot accept uses a whole CPU, at the moment when it has the most to do.",
		Cause:  "accept fails with EMFILE, the connection stays in the queue, and accept is called again at once",
		Remedy: "wait before the next accept: some time, or until a connection is closed",
	})
	for _, c := range clients {
		c.Close()
	}
	s.Check(t, "stream/half-close")
}
