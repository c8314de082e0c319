package spread

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"testing"

	"echod/echotest"
	"echod/internal/endpoint"
	"echod/internal/load"
)

func TestWorkerConnectsOnlyToWhatItsOperatorAllows(t *testing.T) {
	t.Parallel()
	allow := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/29")}
	for _, tt := range []struct{ url, want string }{
		{"tcp://127.0.0.9:7", "127.0.0.9 is not an address that this worker connects to"},
		{"tcp://[::ffff:8.8.8.8]:7", "8.8.8.8 is not an address"},
		{"tcp://[::1]:7", "::1 is not an address"},
		{"udp://8.8.8.8:53", "8.8.8.8 is not an address"},
		{"unix:///run/echo.sock", "unix"},
	} {
		target, _ := serve(t, &Worker{Allow: allow})
		plan := messages(t, tt.url, 1, 1)
		shares := []load.Plan{plan}
		c := coordinate(target)
		members, err := c.gather(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		r := &run{Coordinator: c, whole: plan, shares: shares, members: members}
		if err := r.start(t.Context()); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", tt.url, err, tt.want)
		}
		r.close()
	}
}

// TestNameIsCheckedAtEachConnect: a name may have an address that is allowed when it is looked up
// first, and another one later.
func TestNameIsCheckedAtEachConnect(t *testing.T) {
	t.Parallel()
	lookups := 0
	ctx := endpoint.WithLookup(t.Context(), func(context.Context, string) ([]netip.Addr, error) {
		if lookups++; lookups == 1 {
			return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
		}
		return []netip.Addr{netip.MustParseAddr("127.77.0.9")}, nil
	})
	allowed := permits{netip.MustParsePrefix("127.0.0.1/32")}
	plan := messages(t, "tcp://rebinds.example:7", 1, 1)
	plan.Target.Permit = allowed.check
	if err := allowed.checkAll(ctx, plan.Target); err != nil {
		t.Fatal(err)
	}
	for _, all := range []bool{false, true} {
		plan.AllAddresses = all
		if _, err := load.Run(ctx, plan, nil); err == nil || !strings.Contains(err.Error(), "127.77.0.9 is not an address that this worker connects to") {
			t.Errorf("all addresses %v: got %v", all, err)
		}
	}
}

// TestAllAddressesAreCheckedAtEachConnect: one of the addresses of the name is allowed and answers, so
// the load could begin.
func TestAllAddressesAreCheckedAtEachConnect(t *testing.T) {
	t.Parallel()
	service := echotest.NewServer(t)
	_, port, err := net.SplitHostPort(service.Addr())
	if err != nil {
		t.Fatal(err)
	}
	ctx := endpoint.WithLookup(t.Context(), func(context.Context, string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.77.0.9")}, nil
	})
	plan := messages(t, "tcp://rebinds.example:"+port, 2, 10)
	plan.AllAddresses, plan.Target.Permit = true, permits{netip.MustParsePrefix("127.0.0.1/32")}.check
	if r, err := load.Run(ctx, plan, nil); err == nil || !strings.Contains(err.Error(), "127.77.0.9 is not an address that this worker connects to") {
		t.Errorf("got %+v, %v", r, err)
	}
}

func TestDefaultAllowsLoopbackAndPrivateNetworks(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{
		"127.0.0.1": true, "10.1.2.3": true, "172.16.0.1": true, "172.32.0.1": false, "192.168.3.4": true, "::1": true,
		"fd12::7": true, "fe80::1%eth0": true, "::ffff:10.0.0.1": true, "8.8.8.8": false, "2001:db8::1": false,
		"169.254.169.254": false, "100.64.0.1": false, "0.0.0.0": false, "::": false, "224.0.0.1": false, "64:ff9b::a00:1": false,
	} {
		if got := permits(DefaultAllow).check(netip.MustParseAddr(address)) == nil; got != want {
			t.Errorf("%s: allowed %v, want %v", address, got, want)
		}
	}
}
