package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"echod/internal/endpoint"
	"echod/internal/engine"
)

// loopbacks returns a context in which every name has both loopback addresses.
func loopbacks(t *testing.T) context.Context {
	t.Helper()
	both := []netip.Addr{netip.IPv6Loopback(), netip.MustParseAddr("127.0.0.1")}
	conn, err := net.ListenPacket("udp", "[::1]:0")
	if err != nil {
		t.Skipf("::1 cannot be bound here: %v", err)
	}
	conn.Close()
	return endpoint.WithLookup(t.Context(), func(context.Context, string) ([]netip.Addr, error) { return both, nil })
}

// failingEngine is a fake whose New fails the first n times. It records its listeners.
type failingEngine struct {
	*fakeEngine
	n    int
	err  error
	asks [][]string
}

func (e *failingEngine) New(cfg engine.Config) (engine.Server, error) {
	var urls []string
	for _, ln := range cfg.Listeners {
		urls = append(urls, ln.Spec.String())
	}
	e.asks = append(e.asks, urls)
	if len(e.asks) <= e.n {
		return nil, fmt.Errorf("listen: %w", e.err)
	}
	return e.fakeEngine.New(cfg)
}

func TestNameGetsOnePortAtAllItsAddresses(t *testing.T) {
	ctx := loopbacks(t)
	tests := []struct {
		name, urls string
		inUse      int
		err        error
		tries      int
		want       error
	}{
		{"free", "tcp://localhost:0 udp://name.example:0 tcp://127.0.0.1:0", 0, nil, 1, nil},
		{"taken twice", "tcp://localhost:0", 2, syscall.EADDRINUSE, 3, nil},
		{"taken each time", "udp://localhost:0", 99, syscall.EADDRINUSE, sharedPortTries, syscall.EADDRINUSE},
		{"another error", "udp://localhost:0", 99, syscall.EACCES, 1, syscall.EACCES},
		{"a port in the URL", "udp://localhost:65535", 99, syscall.EADDRINUSE, 1, syscall.EADDRINUSE},
		{"an address", "udp://127.0.0.1:0", 99, syscall.EADDRINUSE, 1, syscall.EADDRINUSE},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := &failingEngine{fakeEngine: all("fake"), n: tt.inUse, err: tt.err}
			cfg := config(t, tt.urls, e.fakeEngine)
			cfg.Lookup = func(string) (engine.Engine, error) { return e, nil }
			plan, err := NewPlan(ctx, cfg)
			if err != nil {
				t.Fatal(err)
			}
			service, err := plan.Bind()
			if !errors.Is(err, tt.want) || len(e.asks) != tt.tries {
				t.Fatalf("got %v after %d tries, want %v after %d", err, len(e.asks), tt.want, tt.tries)
			}
			if service == nil {
				return
			}
			specs := service.servers[0].Listeners()
			for i := 0; i+1 < len(specs); i += 2 {
				a, b := specs[i].Addr, specs[i+1].Addr
				if a.Addr() != netip.IPv6Loopback() || b.Addr().String() != "127.0.0.1" || a.Port() != b.Port() || a.Port() == 0 {
					t.Errorf("got %s and %s, want one port at both addresses", specs[i], specs[i+1])
				}
			}
			if last := specs[len(specs)-1]; len(specs) == 5 && last.Addr.Port() != 0 {
				t.Errorf("got %s, want the port left to the kernel", last)
			}
			if p := plan.groups[0].listeners[0].Spec.Addr.Port(); p != 0 {
				t.Errorf("the plan has port %d now, want 0", p)
			}
		})
	}
}

func TestEveryAddressOfANameIsChecked(t *testing.T) {
	ctx := loopbacks(t)
	cfg := config(t, "tcp://localhost:80 tcp://127.0.0.1:80", all("fake"))
	if _, err := NewPlan(ctx, cfg); err == nil || err.Error() != "tcp://127.0.0.1:80 is listed twice: list it once" {
		t.Errorf("got %v, want that it is listed twice", err)
	}
	public := endpoint.WithLookup(t.Context(), func(context.Context, string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.IPv4Unspecified()}, nil
	})
	cfg = config(t, "udp://name.example:80", all("fake"))
	if _, err := NewPlan(public, cfg); err == nil {
		t.Error("a name with a public address among others: got no error")
	}
}

func TestLocalAddressesKeepTheirPrefixes(t *testing.T) {
	addrs := []net.Addr{
		&net.IPNet{IP: net.ParseIP("192.0.2.10"), Mask: net.CIDRMask(26, 32)}, // 16 bytes long, as net has it
		&net.IPNet{IP: net.IPv4(203, 0, 113, 1).To4(), Mask: net.CIDRMask(31, 32)},
		&net.IPNet{IP: net.ParseIP("2001:db8::7"), Mask: net.CIDRMask(64, 128)},
		&net.IPAddr{IP: net.ParseIP("198.51.100.1")}, // no network, no prefix
	}
	want := []netip.Prefix{
		netip.MustParsePrefix("192.0.2.10/26"),
		netip.MustParsePrefix("203.0.113.1/31"),
		netip.MustParsePrefix("2001:db8::7/64"),
	}
	same := cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })
	if diff := cmp.Diff(want, prefixesOf(addrs), same); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
