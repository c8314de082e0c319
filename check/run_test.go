package check_test

import (
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"sync"
	"testing"

	"echod/check"
)

// serveStream echoes honestly on network until the test ends.
func serveStream(t testing.TB, network, address string) check.Target {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	var conns sync.WaitGroup
	conns.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns.Go(func() {
				defer c.Close()
				io.Copy(c, c)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		conns.Wait()
	})
	return check.Target{Network: network, Address: l.Addr().String()}
}

// servePackets answers datagrams honestly until the test ends.
func servePackets(t testing.TB, address string) check.Target {
	t.Helper()
	conn, err := net.ListenPacket("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 64<<10)
		for {
			n, from, err := conn.ReadFrom(buf)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil {
				conn.WriteTo(buf[:n], from)
			}
		}
	}()
	t.Cleanup(func() {
		conn.Close()
		<-done
	})
	return check.Target{Network: "udp", Address: conn.LocalAddr().String()}
}

func TestHonestServersPass(t *testing.T) {
	for _, tt := range []struct {
		network string
		serve   func(t testing.TB) check.Target
	}{
		{"tcp", func(t testing.TB) check.Target { return serveStream(t, "tcp", "127.0.0.1:0") }},
		{"unix", func(t testing.TB) check.Target {
			return serveStream(t, "unix", filepath.Join(t.TempDir(), "s"))
		}},
		{"udp", func(t testing.TB) check.Target { return servePackets(t, "127.0.0.1:0") }},
	} {
		t.Run(tt.network, func(t *testing.T) {
			t.Parallel()
			report, err := check.Run(context.Background(), tt.serve(t), check.Options{})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range report.Results {
				if r.Verdict != check.Pass {
					t.Errorf("%s: got %s (%s: %s), want pass", r.Rule, r.Verdict, r.Class, r.Detail)
				}
			}
			if got := report.Verdict(); got != check.Pass {
				t.Errorf("got verdict %s, want pass", got)
			}
		})
	}
}
