package ping_test

import (
	"context"
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"echod/internal/dial"
	"echod/internal/endpoint"
	"echod/internal/ping"
)

// TestDatagramsFindTheAddressThatComesUp: both addresses of a name refuse, and
// then the second serves. All of 127/8 is this machine's on Linux.
func TestDatagramsFindTheAddressThatComesUp(t *testing.T) {
	place, err := net.ListenPacket("udp4", "127.0.0.2:0")
	if err != nil {
		t.Fatal(err)
	}
	where := place.LocalAddr().String()
	place.Close()
	_, port, _ := net.SplitHostPort(where)
	ctx, cancel := context.WithTimeout(endpoint.WithLookup(t.Context(), func(context.Context, string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.2")}, nil
	}), 30*time.Second)
	defer cancel()
	var got events
	config := got.config(dial.Target{Network: "udp", Address: "echo.example:" + port}, 0)
	// Two refused probes under way at once are lost only after Timeout: it is not known
	// which of them an error is about.
	config.Interval, config.Timeout = 20*time.Millisecond, time.Second
	refused := 0
	config.OnProbe = func(p ping.Probe) {
		switch {
		case p.Fate == ping.Answered:
			cancel()
		case p.Class == dial.Refused:
			if refused++; refused == 3 {
				echoDatagrams(t, where)
			}
		}
	}
	prober, err := ping.New(config)
	if err != nil {
		t.Fatal(err)
	}
	prober.Run(ctx)
	var up []string
	for _, l := range got.conns {
		up = append(up, l.Addr)
	}
	if diff := cmp.Diff([]string{"127.0.0.1:" + port, where}, up); diff != "" {
		t.Errorf("connected to (-want +got)\n%s", diff)
	}
	if refused < 3 {
		t.Errorf("got %d refused probes, want at least 3", refused)
	}
}

// TestNameIsFollowed: a name gets another address while the old one is healthy. Nothing is
// lost.
func TestNameIsFollowed(t *testing.T) {
	for _, network := range []string{"tcp", "udp"} {
		first, second := netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.2")
		port := echoAt(t, network, first.String()+":0")
		echoAt(t, network, net.JoinHostPort(second.String(), port))
		var now atomic.Pointer[netip.Addr]
		now.Store(&first)
		ctx, cancel := context.WithTimeout(endpoint.WithLookup(t.Context(), func(context.Context, string) ([]netip.Addr, error) {
			return []netip.Addr{*now.Load()}, nil
		}), 30*time.Second)
		defer cancel()
		var got events
		config := got.config(dial.Target{Network: network, Address: "echo.example:" + port}, 0)
		config.Interval, config.Resolve = 5*time.Millisecond, 20*time.Millisecond
		answered := 0
		config.OnProbe = func(p ping.Probe) {
			if p.Fate == ping.Lost {
				t.Errorf("%s: %d is lost: %v", network, p.Seq, p.Err)
			}
			if answered++; answered == 3 {
				now.Store(&second)
			}
			if len(got.conns) == 2 {
				cancel()
			}
		}
		prober, err := ping.New(config)
		if err != nil {
			t.Fatal(err)
		}
		prober.Run(ctx)
		var up []string
		for _, l := range got.conns {
			up = append(up, l.From+" > "+l.Addr)
		}
		from, to := net.JoinHostPort(first.String(), port), net.JoinHostPort(second.String(), port)
		if diff := cmp.Diff([]string{" > " + from, from + " > " + to}, up); diff != "" {
			t.Errorf("%s: connected (-want +got)\n%s", network, diff)
		}
	}
}

// echoAt is an echo at where until the test ends. It returns its port.
func echoAt(t *testing.T, network, where string) string {
	t.Helper()
	if network == "udp" {
		conn, err := net.ListenPacket("udp4", where)
		if err != nil {
			t.Fatal(err)
		}
		where = conn.LocalAddr().String()
		conn.Close()
		echoDatagrams(t, where)
		_, port, _ := net.SplitHostPort(where)
		return port
	}
	ln, err := net.Listen("tcp4", where)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() { defer conn.Close(); io.Copy(conn, conn) }()
		}
	}()
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	return port
}

// echoDatagrams is an echo at where until the test ends.
func echoDatagrams(t *testing.T, where string) {
	conn, err := net.ListenPacket("udp4", where)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		b := make([]byte, 2048)
		for {
			n, from, err := conn.ReadFrom(b)
			if err != nil {
				return
			}
			conn.WriteTo(b[:n], from)
		}
	}()
}
