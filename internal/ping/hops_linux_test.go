package ping_test

import (
	"net"
	"testing"
	"time"

	"echod/echotest"
	"echod/internal/dial"
	"echod/internal/ping"
)

func TestAnswersOverLoopbackHaveTTL64(t *testing.T) {
	server := echotest.NewUDPServer(t)
	target, err := dial.Parse(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	for _, reconnect := range []bool{false, true} {
		var probes []ping.Probe
		run(t, ping.Config{
			Target: target, Count: 2, Interval: time.Millisecond,
			Timeout: time.Minute, Size: 64, Reconnect: reconnect, OnProbe: func(p ping.Probe) { probes = append(probes, p) },
		})
		if len(probes) != 2 {
			t.Fatalf("reconnect %t: got %+v, want 2 answers", reconnect, probes)
		}
		for _, p := range probes {
			if p.TTL != 64 {
				t.Errorf("reconnect %t: got TTL %d, want 64", reconnect, p.TTL)
			}
		}
	}
}

func TestStreamsHaveNoTTL(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		buf := make([]byte, 1<<10)
		for {
			n, err := c.Read(buf)
			if err != nil {
				return
			}
			c.Write(buf[:n])
		}
	}()
	run(t, ping.Config{
		Target: ping.Target{Network: "tcp", Address: ln.Addr().String()}, Count: 1, Interval: time.Millisecond,
		Timeout: time.Minute, Size: 64, OnProbe: func(p ping.Probe) {
			if p.Fate != ping.Answered || p.TTL != 0 {
				t.Errorf("got %+v, want an answer without a TTL", p)
			}
		},
	})
}
