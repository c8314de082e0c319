package echo

import (
	"math"
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// own are the listeners of the guard in these tests.
var own = []string{"0.0.0.0:7007", "198.51.100.7:7008", "[2001:db8::7]:7009"}

// local are the addresses of the machine that it runs on.
var local = []netip.Prefix{
	netip.MustParsePrefix("127.0.0.1/8"),
	netip.MustParsePrefix("192.0.2.10/26"),
	netip.MustParsePrefix("203.0.113.1/31"),
	netip.MustParsePrefix("203.0.113.9/30"),
	netip.MustParsePrefix("2001:db8::7/64"),
}

func newTestGuard(cfg GuardConfig) *Guard {
	cfg.Local = local
	g := NewGuard(cfg)
	for _, addr := range own {
		g.Own(netip.MustParseAddrPort(addr))
	}
	return g
}

func TestGuardRefusesLoopsAndReflection(t *testing.T) {
	const here = "192.0.2.10:7007"
	tests := []struct {
		name     string
		src, dst string
		want     Drop
	}{
		{"a remote client", "198.51.100.1:40000", here, Answer},
		{"a remote client, IPv6", "[2001:db8:1::1]:40000", "[2001:db8::7]:7009", Answer},
		{"a client on this machine", "127.0.0.1:40000", "127.0.0.1:7007", Answer},
		{"a client on this machine, from its own address", "192.0.2.10:40000", here, Answer},
		{"a client, and the destination is not known", "198.51.100.1:40000", "", Answer},
		{"port 1024", "198.51.100.1:1024", here, Answer},

		{"port 0", "198.51.100.1:0", here, DropPortZero},
		{"port 0 of the loopback", "127.0.0.1:0", "127.0.0.1:7007", DropPortZero},
		{"port 0 comes before everything", "0.0.0.0:0", here, DropPortZero},

		{"port 1", "198.51.100.1:1", here, DropLowPort},
		{"echo", "198.51.100.1:7", here, DropLowPort},
		{"daytime", "198.51.100.1:13", here, DropLowPort},
		{"chargen", "198.51.100.1:19", here, DropLowPort},
		{"dns", "198.51.100.1:53", here, DropLowPort},
		{"ntp", "198.51.100.1:123", here, DropLowPort},
		{"port 1023", "198.51.100.1:1023", here, DropLowPort},
		{"echo of the loopback", "127.0.0.1:7", "127.0.0.1:7007", DropLowPort},
		{"a low port comes before the address", "255.255.255.255:7", here, DropLowPort},

		{"itself", here, here, DropOwn},
		{"itself, and the destination is not known", here, "", DropOwn},
		{"itself on the loopback", "127.0.0.1:7007", "127.0.0.1:7007", DropOwn},
		{"itself on another loopback address", "127.8.8.8:7007", "127.0.0.1:7007", DropOwn},
		{"itself by another of its addresses", "203.0.113.1:7007", here, DropOwn},
		{"itself on an address that is not in Local", "192.0.2.99:7007", "192.0.2.99:7007", DropOwn},
		{"another listener of its own", "198.51.100.7:7008", here, DropOwn},
		{"another listener of its own, mapped", "[::ffff:198.51.100.7]:7008", here, DropOwn},
		{"another listener of its own, IPv6", "[2001:db8::7]:7009", here, DropOwn},
		{"another listener of its own, IPv6 with a zone", "[2001:db8::7%eth0]:7009", here, DropOwn},
		{"itself, mapped", "[::ffff:192.0.2.10]:7007", "[::ffff:192.0.2.10]:7007", DropOwn},
		{"its own address, a port without a listener", "198.51.100.7:7010", here, Answer},
		{"the same port of another machine", "198.51.100.1:7007", here, Answer},
		{"a listener's port on an address where it does not listen", "198.51.100.8:7008", here, Answer},

		{"unspecified", "0.0.0.0:40000", here, DropUnspecified},
		{"unspecified, IPv6", "[::]:40000", "[2001:db8::7]:7009", DropUnspecified},
		{"unspecified, mapped", "[::ffff:0.0.0.0]:40000", here, DropUnspecified},
		{"no address at all", "", here, DropPortZero},

		{"from multicast", "224.0.0.1:40000", here, DropMulticast},
		{"from multicast, IPv6", "[ff02::1]:40000", "[2001:db8::7]:7009", DropMulticast},
		{"from multicast, mapped", "[::ffff:239.1.2.3]:40000", here, DropMulticast},
		{"to multicast", "198.51.100.1:40000", "224.0.0.1:7007", DropMulticast},
		{"to multicast, IPv6", "[2001:db8:1::1]:40000", "[ff02::1]:7009", DropMulticast},
		{"to multicast, from the loopback", "127.0.0.1:40000", "224.0.0.1:7007", DropMulticast},

		{"from broadcast", "255.255.255.255:40000", here, DropBroadcast},
		{"to broadcast", "198.51.100.1:40000", "255.255.255.255:7007", DropBroadcast},
		{"to broadcast, mapped", "[::ffff:198.51.100.1]:40000", "[::ffff:255.255.255.255]:7007", DropBroadcast},
		{"from the network's broadcast", "192.0.2.63:40000", here, DropBroadcast},
		{"to the network's broadcast", "198.51.100.1:40000", "192.0.2.63:7007", DropBroadcast},
		{"to the loopback's broadcast", "127.0.0.1:40000", "127.255.255.255:7007", DropBroadcast},
		{"all ones in a network with another prefix", "192.0.2.255:40000", here, Answer},
		{"from the broadcast of the smallest network that has one", "203.0.113.11:40000", here, DropBroadcast},
		{"a point-to-point network has no broadcast", "203.0.113.1:40000", here, Answer},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := newTestGuard(GuardConfig{})
			if got := g.Check(0, addrPort(tt.src), addrPort(tt.dst), []byte("hello")); got != tt.want {
				t.Errorf("from %s to %s: got %v, want %v", tt.src, tt.dst, got, tt.want)
			}
		})
	}
}

// A socket for both families reports IPv4 addresses as mapped ones.
func TestGuardTreatsMappedIPv4AsIPv4(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		port := rapid.SampledFrom([]uint16{0, 7, 1023, 1024, 7007, 7008, 7009, 40000})
		octet := rapid.SampledFrom([]byte{0, 1, 7, 10, 51, 63, 100, 113, 127, 192, 198, 203, 224, 255})
		addr := rapid.Custom(func(t *rapid.T) netip.Addr {
			named := rapid.SampledFrom([]string{"192.0.2.10", "192.0.2.63", "198.51.100.7", "203.0.113.1", "127.0.0.1", "224.0.0.1", "255.255.255.255"})
			if rapid.Bool().Draw(t, "named") {
				return netip.MustParseAddr(named.Draw(t, "addr"))
			}
			return netip.AddrFrom4([4]byte(rapid.SliceOfN(octet, 4, 4).Draw(t, "addr")))
		})
		src := netip.AddrPortFrom(addr.Draw(t, "src"), port.Draw(t, "src port"))
		dst := netip.AddrPortFrom(addr.Draw(t, "dst"), 7007)
		want := newTestGuard(GuardConfig{}).Check(0, src, dst, nil)
		if got := newTestGuard(GuardConfig{}).Check(0, mapped(src), mapped(dst), nil); got != want {
			t.Errorf("from %s to %s: got %v when mapped, want %v", src, dst, got, want)
		}
	})
}

// mapped returns a as a socket for both families reports it.
func mapped(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom16(a.Addr().As16()), a.Port())
}

func TestGuardDeniesTheConfiguredPorts(t *testing.T) {
	tests := []struct {
		name string
		deny []PortRange
		port uint16
		want Drop
	}{
		{"the default", nil, 19, DropLowPort},
		{"none", []PortRange{}, 19, Answer},
		{"none, but port 0", []PortRange{}, 0, DropPortZero},
		{"first of a range", []PortRange{{5000, 5010}}, 5000, DropLowPort},
		{"last of a range", []PortRange{{5000, 5010}}, 5010, DropLowPort},
		{"beyond a range", []PortRange{{5000, 5010}}, 5011, Answer},
		{"a second range", []PortRange{{5000, 5010}, {11211, 11211}}, 11211, DropLowPort},
		{"every port", []PortRange{{0, 65535}}, 65535, DropLowPort},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := NewGuard(GuardConfig{Deny: tt.deny})
			src := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), tt.port)
			if got := g.Check(0, src, netip.AddrPort{}, nil); got != tt.want {
				t.Errorf("from port %d: got %v, want %v", tt.port, got, tt.want)
			}
		})
	}
}

func TestPortSetHasOneBitForEachPort(t *testing.T) {
	if got := 64 * len(portSet{}); got != math.MaxUint16+1 {
		t.Errorf("got %d bits, want %d", got, math.MaxUint16+1)
	}
}

func TestGuardMutesALoop(t *testing.T) {
	const source = "198.51.100.1:40000"
	const mute = int64(60 * time.Second) // promise U5
	g := NewGuard(GuardConfig{})
	now := int64(0)
	check := func(src, payload string) Drop {
		return g.Check(now, addrPort(src), addrPort("192.0.2.10:7007"), []byte(payload))
	}
	for i := range LoopRepeats - 1 {
		now += int64(LoopGap) / 2
		if got := check(source, "again"); got != Answer {
			t.Fatalf("time %d: got %v, want it answered: this is not a loop yet", i+1, got)
		}
	}
	if got := check(source, "again"); got != DropMuted {
		t.Fatalf("time %d: got %v, want %v", LoopRepeats, got, DropMuted)
	}
	if got := check(source, "another payload"); got != Answer {
		t.Errorf("another payload from there: got %v, want %v", got, Answer)
	}
	if got := check("198.51.100.1:40001", "again"); got != Answer {
		t.Errorf("the payload from another port: got %v, want %v", got, Answer)
	}
	now += mute - 1
	if got := check(source, "again"); got != DropMuted {
		t.Errorf("a moment before the mute ends: got %v, want %v", got, DropMuted)
	}
	now++
	if got := check(source, "again"); got != Answer {
		t.Errorf("after the mute: got %v, want %v", got, Answer)
	}
}

func TestGuardMutesNoSourceThatPauses(t *testing.T) {
	g := NewGuard(GuardConfig{})
	for i := range 3 * int64(LoopRepeats) {
		now := i * int64(LoopGap+1)
		if got := g.Check(now, addrPort("198.51.100.1:40000"), netip.AddrPort{}, []byte("ping")); got != Answer {
			t.Fatalf("time %d: got %v, want %v", i+1, got, Answer)
		}
	}
}

func TestGuardMutesNoLoopbackSource(t *testing.T) {
	g := NewGuard(GuardConfig{})
	for i := range 3 * LoopRepeats {
		if got := g.Check(0, addrPort("127.0.0.1:40000"), netip.AddrPort{}, []byte("ping")); got != Answer {
			t.Fatalf("time %d: got %v, want %v", i+1, got, Answer)
		}
	}
}

// Two loops run at the same time, and thousands of other sources send in between. Each
// loop keeps its entry.
func TestGuardFindsLoopsAmongManySources(t *testing.T) {
	g := NewGuard(GuardConfig{PerPrefix: Rate{Packets: 1e9, Bytes: math.MaxInt}, Total: Rate{Packets: 1e9, Bytes: math.MaxInt}})
	loops := []struct {
		payload string
		muted   bool
	}{{payload: "one"}, {payload: "two"}}
	other := netip.MustParseAddr("10.0.0.0")
	for i := range 2 * LoopRepeats {
		now := int64(i) * int64(time.Millisecond)
		for j := range loops {
			got := g.Check(now, addrPort("198.51.100.1:40000"), netip.AddrPort{}, []byte(loops[j].payload))
			loops[j].muted = loops[j].muted || got == DropMuted
		}
		for range 50 {
			other = other.Next()
			if got := g.Check(now, netip.AddrPortFrom(other, 40000), netip.AddrPort{}, []byte("one")); got != Answer {
				t.Fatalf("another source: got %v, want %v", got, Answer)
			}
		}
	}
	for _, l := range loops {
		if !l.muted {
			t.Errorf("the loop of %q was not muted", l.payload)
		}
	}
}

func TestGuardLearnsListenersWhileItChecks(t *testing.T) {
	g := NewGuard(GuardConfig{})
	src := addrPort("127.0.0.1:7007")
	if got := g.Check(0, src, src, nil); got != Answer {
		t.Errorf("before: got %v, want %v", got, Answer)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		g.Own(src)
	}()
	g.Check(0, addrPort("127.0.0.1:40000"), src, nil)
	<-done
	if got := g.Check(0, src, src, nil); got != DropOwn {
		t.Errorf("after: got %v, want %v", got, DropOwn)
	}
}

func TestGuardAllocatesNothing(t *testing.T) {
	g := newTestGuard(GuardConfig{})
	payload := make([]byte, 1400)
	for _, src := range []string{"127.0.0.1:40000", "198.51.100.1:40000", "[2001:db8:1::1%eth0]:40000", "203.0.113.1:7007"} {
		from, to, now := addrPort(src), addrPort("192.0.2.10:7007"), int64(0)
		if got := testing.AllocsPerRun(1000, func() { now++; g.Check(now, from, to, payload) }); got != 0 {
			t.Errorf("from %s: got %v allocations, want 0", src, got)
		}
	}
}

func BenchmarkGuard(b *testing.B) {
	for _, bb := range []struct{ name, src string }{
		{"loopback", "127.0.0.1:40000"},
		{"remote", "198.51.100.1:40000"},
		{"remote IPv6", "[2001:db8:1::1]:40000"},
	} {
		b.Run(bb.name, func(b *testing.B) {
			g := newTestGuard(GuardConfig{})
			from, to, payload := addrPort(bb.src), addrPort("192.0.2.10:7007"), make([]byte, 64)
			for i := 0; b.Loop(); i++ {
				payload[0], payload[1] = byte(i), byte(i>>8)
				g.Check(int64(i)*1e6, from, to, payload)
			}
		})
	}
}

// addrPort parses s; "" is the zero AddrPort.
func addrPort(s string) netip.AddrPort {
	if s == "" {
		return netip.AddrPort{}
	}
	return netip.MustParseAddrPort(s)
}
