package ping_test

import (
	"context"
	"net"
	"net/netip"
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
