//go:build linux

package main

import (
	"io"
	"testing"

	"echod/docs/engines/exercises/judge"
)

func TestMain(m *testing.M) { judge.Main(m, main) }

// TestServer looks at the server after one client has come and gone. For the rules of check,
// all is well.
func TestServer(t *testing.T) {
	s := judge.Start(t)
	s.Check(t, "stream/half-close")
	c := s.Dial(t)
	c.CloseWrite()
	if _, err := io.ReadAll(c); err != nil {
		t.Fatal(err)
	}
	c.Close()
	s.Sleeps(t, judge.Finding{
		Rule:   "judge/sleeps-without-clients",
		Means:  "After its first client, the server uses a whole CPU, also when nobody is connected.",
		Cause:  "poll returns at once, again and again, with an event that the server does not handle",
		Remedy: "handle POLLHUP and POLLERR, which are reported without being asked for: close the descriptor",
	})
}
