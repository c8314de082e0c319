package spread

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"echod/internal/endpoint"
)

// TestAllAddressesOfANameAreAwaited: the second worker starts only after the first has been called.
func TestAllAddressesOfANameAreAwaited(t *testing.T) {
	t.Parallel()
	var list samples
	first, _ := serve(t, &Worker{carry: list.carry})
	_, port, _ := net.SplitHostPort(first.Address)
	second, err := net.Listen("tcp", "127.0.0.2:"+port)
	if err != nil {
		t.Skip("this machine has no 127.0.0.2: ", err)
	}
	lookups := 0
	ctx := endpoint.WithLookup(t.Context(), func(context.Context, string) ([]netip.Addr, error) {
		all := []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.2")}
		lookups++
		return all[:min(lookups, 2)], nil
	})
	serving, stop := context.WithCancel(t.Context())
	var worker sync.WaitGroup
	worker.Go(func() { (&Worker{carry: list.carry, Echod: "test", silence: testTimeout}).Serve(serving, second) })
	defer worker.Wait()
	defer stop()
	c := &Coordinator{Echod: "test", Name: tcp("workers.example:" + port), Expect: 2, Timeout: testTimeout, silence: testTimeout, late: testTimeout}
	sum, err := c.Run(ctx, messages(t, "tcp://127.0.0.1:7", 2, 20), nil)
	if err != nil || len(sum.Parts) != 2 || sum.Answered != 20 {
		t.Fatalf("got %+v, %v", sum, err)
	}
}

func TestWaitForWorkersEnds(t *testing.T) {
	t.Parallel()
	ctx := endpoint.WithLookup(t.Context(), func(context.Context, string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("127.77.0.4")}, nil
	})
	c := &Coordinator{Echod: "test", Name: tcp("workers.example:7009"), Expect: 2, Timeout: 100 * time.Millisecond}
	_, err := c.Run(ctx, messages(t, "tcp://127.0.0.1:7", 2, 20), nil)
	want := "worker dns+tcp://workers.example:7009 has 1 addresses, of which 0 answer, after 100ms: want 2"
	if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "127.77.0.4:7009 cannot be reached") {
		t.Errorf("got %v, want %q", err, want)
	}
}
