//go:build linux

package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	"echod/docs/engines/exercises/judge"
)

func TestMain(m *testing.M) { judge.Main(m, main) }

// TestServer starts the server with 1,000 open files. So some of 40 clients have
// descriptors below 1024, and the others do not. Each one must be served, or refused.
func TestServer(t *testing.T) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	var files []*os.File
	for range 1000 {
		files = append(files, null)
	}
	s := judge.Start(t, files...)
	f := judge.Finding{
		Rule:   "judge/beyond-1023",
		Means:  "A client whose descriptor is beyond the set harms the others, or waits without end.",
		Cause:  "FD_SET of a descriptor from 1024 on: there is no such bit in the set",
		Remedy: "compare the descriptor with FD_SETSIZE, and refuse the client; or use poll(2)",
	}
	if t.Run(f.Rule, func(t *testing.T) {
		if f.Seen = harmed(t, s); f.Seen != "" {
			t.Error(f)
		}
	}) {
		s.Check(t, "stream/half-close")
	}
}

// harmed connects clients until some are beyond the set, and says which one has to wait, or
// is not served any more. It returns "" if all is well.
func harmed(t *testing.T, s *judge.Server) string {
	var served []net.Conn
	for i := range 40 {
		c, err := net.Dial("tcp", s.Addr)
		if err != nil {
			break // the server has ended, or refuses
		}
		t.Cleanup(func() { c.Close() })
		if err = exchange(c); err == nil {
			served = append(served, c)
		} else if errors.Is(err, os.ErrDeadlineExceeded) {
			return fmt.Sprintf("client %d is connected, and waits for its answer without end", i+1)
		}
	}
	for i, c := range served {
		if err := exchange(c); err != nil {
			return fmt.Sprintf("%d clients were served. When more connected, client %d got no more answers: %v", len(served), i+1, err)
		}
	}
	return ""
}

// exchange sends a byte, and waits until it comes back.
func exchange(c net.Conn) error {
	if _, err := c.Write([]byte("x")); err != nil {
		return err
	}
	c.SetReadDeadline(time.Now().Add(10 * time.Second))
	_, err := c.Read(make([]byte, 1))
	return err
}
