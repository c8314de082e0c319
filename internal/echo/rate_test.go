package echo

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// meter compares what was answered with what a rate allows: in any t seconds no more than
// t times the rate and one burst. It checks all windows that end now at once: it has the
// largest excess of any of them.
type meter struct {
	rate           Rate
	at             int64
	packets, bytes float64
}

// add counts one datagram and reports whether any window exceeds the rate now.
func (m *meter) add(now int64, size int) (over bool) {
	seconds := float64(now-m.at) / 1e9
	m.at = now
	m.packets = max(m.packets-seconds*float64(m.rate.Packets), 0) + 1
	m.bytes = max(m.bytes-seconds*float64(m.rate.Bytes), 0) + float64(size)
	burst, rounding := m.rate.Burst(), 1e-3
	return m.packets > float64(burst.Packets)+rounding || m.bytes > float64(burst.Bytes)+rounding
}

func TestGuardKeepsEveryPrefixAndTheTotalUnderTheirRates(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := func(label string) Rate {
			return Rate{Packets: rapid.IntRange(1, 50).Draw(t, label+" packets"), Bytes: rapid.IntRange(1, 1<<18).Draw(t, label+" bytes")}
		}
		cfg := GuardConfig{PerPrefix: rate("prefix"), Total: rate("total")}
		g := NewGuard(cfg)
		total := meter{rate: cfg.Total}
		prefixes := make(map[netip.Prefix]*meter)
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		spread := rapid.IntRange(1, 1<<12).Draw(t, "networks")
		pause := rapid.Int64Range(0, int64(time.Second)).Draw(t, "longest pause")

		now, payload := int64(0), make([]byte, MaxDatagram)
		for range rapid.IntRange(1, 2000).Draw(t, "datagrams") {
			now += random.Int64N(pause + 1)
			src, prefix := randomSource(random, spread)
			size := random.IntN(MaxDatagram + 1)
			if random.IntN(2) == 0 {
				size = random.IntN(64)
			}
			if g.Check(now, src, netip.AddrPort{}, payload[:size]) != Answer {
				continue
			}
			m := prefixes[prefix]
			if m == nil {
				m = &meter{rate: cfg.PerPrefix, at: now}
				prefixes[prefix] = m
			}
			if m.add(now, size) {
				t.Fatalf("prefix %s at %v: above %+v", prefix, time.Duration(now), cfg.PerPrefix)
			}
			if total.add(now, size) {
				t.Fatalf("all at %v: above %+v", time.Duration(now), cfg.Total)
			}
		}
	})
}

// randomSource returns a source in one of this many networks of either family.
func randomSource(random *rand.Rand, networks int) (netip.AddrPort, netip.Prefix) {
	network, port := random.IntN(networks), uint16(1024+random.IntN(60000))
	if random.IntN(2) == 0 {
		addr := netip.AddrFrom4([4]byte{10, byte(network >> 8), byte(network), byte(random.IntN(255))})
		return netip.AddrPortFrom(addr, port), netip.PrefixFrom(addr, 24).Masked()
	}
	b := [16]byte{0x20, 0x01, 0x0d, 0xb8, 0, byte(network >> 8), byte(network)}
	for i := 7; i < 16; i++ {
		b[i] = byte(random.Uint32())
	}
	addr := netip.AddrFrom16(b)
	return netip.AddrPortFrom(addr, port), netip.PrefixFrom(addr, 56).Masked()
}

func TestGuardLimitsEachPrefixSeparately(t *testing.T) {
	perPrefix := Rate{Packets: 10, Bytes: 1 << 20}
	tests := []struct {
		name  string
		next  func(i int) netip.AddrPort // the i-th datagram's source
		total int
		want  int  // of 100 datagrams at the same moment
		drop  Drop // for the rest
	}{
		{"one address", func(int) netip.AddrPort { return addrPort("198.51.100.1:40000") }, 1000, 10, DropPrefixRate},
		{"many ports", func(i int) netip.AddrPort {
			return netip.AddrPortFrom(netip.MustParseAddr("198.51.100.1"), uint16(40000+i))
		}, 1000, 10, DropPrefixRate},
		{"all of an IPv4 /24", func(i int) netip.AddrPort {
			return netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, 100, byte(i)}), 40000)
		}, 1000, 10, DropPrefixRate},
		{"all of an IPv6 /56", func(i int) netip.AddrPort {
			return netip.AddrPortFrom(netip.AddrFrom16([16]byte{0: 0x20, 1: 0x01, 7: byte(i), 15: 1}), 40000)
		}, 1000, 10, DropPrefixRate},
		{"as many /24 as datagrams", func(i int) netip.AddrPort {
			return netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, byte(i), 1}), 40000)
		}, 30, 30, DropTotalRate},
		{"as many /56 as datagrams", func(i int) netip.AddrPort {
			return netip.AddrPortFrom(netip.AddrFrom16([16]byte{0: 0x20, 1: 0x01, 6: byte(i), 15: 1}), 40000)
		}, 30, 30, DropTotalRate},
		{"the loopback", func(int) netip.AddrPort { return addrPort("127.0.0.1:40000") }, 1, 100, DropTotalRate},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := NewGuard(GuardConfig{PerPrefix: perPrefix, Total: Rate{Packets: tt.total, Bytes: 1 << 20}})
			const now = int64(time.Hour)
			var answered int
			for i := range 100 {
				switch got := g.Check(now, tt.next(i), netip.AddrPort{}, nil); got {
				case Answer:
					answered++
				case tt.drop:
				default:
					t.Fatalf("datagram %d: got %v, want %v or %v", i, got, Answer, tt.drop)
				}
			}
			if answered != tt.want {
				t.Errorf("got %d answered at once, want %d", answered, tt.want)
			}
		})
	}
}

func TestGuardAnswersTheLargestDatagramAtAnyRate(t *testing.T) {
	g := NewGuard(GuardConfig{PerPrefix: Rate{Packets: 1, Bytes: 1}, Total: Rate{Packets: 1, Bytes: 1}})
	if got := g.Check(0, addrPort("198.51.100.1:40000"), netip.AddrPort{}, make([]byte, MaxDatagram)); got != Answer {
		t.Errorf("got %v, want %v", got, Answer)
	}
	if got := g.Check(0, addrPort("198.51.100.1:40000"), netip.AddrPort{}, nil); got != DropPrefixRate {
		t.Errorf("a second one at once: got %v, want %v", got, DropPrefixRate)
	}
}

// After a burst, datagrams are answered at the rate: neither more nor fewer.
func TestGuardRefillsAtTheRate(t *testing.T) {
	tests := []struct {
		name string
		rate Rate
		size int // of each datagram
		want int // answered in half a second after the burst
	}{
		{"packets", Rate{Packets: 10, Bytes: 1 << 30}, 1, 5},
		{"bytes", Rate{Packets: 1e6, Bytes: 4 * MaxDatagram}, MaxDatagram, 2},
	}
	for _, tt := range tests {
		for _, scope := range []struct {
			name string
			cfg  GuardConfig
			want Drop
		}{
			{"a prefix", GuardConfig{PerPrefix: tt.rate, Total: Rate{Packets: 1e9, Bytes: 1 << 30}}, DropPrefixRate},
			{"all", GuardConfig{PerPrefix: Rate{Packets: 1e9, Bytes: 1 << 30}, Total: tt.rate}, DropTotalRate},
		} {
			g, payload := NewGuard(scope.cfg), make([]byte, tt.size)
			answered := func(now int64) (n int) {
				for {
					switch got := g.Check(now, addrPort("198.51.100.1:40000"), netip.AddrPort{}, payload); got {
					case Answer:
						n++
					case scope.want:
						return n
					default:
						t.Fatalf("%s of %s: got %v, want %v", tt.name, scope.name, got, scope.want)
					}
				}
			}
			answered(0)
			if got := answered(int64(time.Second / 2)); got != tt.want {
				t.Errorf("%s of %s: got %d answered after half a second, want %d", tt.name, scope.name, got, tt.want)
			}
		}
	}
}

func TestGuardAcceptsAClockThatIsSlightlyBehind(t *testing.T) {
	g := NewGuard(GuardConfig{PerPrefix: Rate{Packets: 1, Bytes: 1 << 20}})
	src, second := addrPort("198.51.100.1:40000"), int64(time.Second)
	for _, step := range []struct {
		now  int64
		want Drop
	}{{10 * second, Answer}, {9 * second, DropPrefixRate}, {10 * second, DropPrefixRate}, {11 * second, Answer}} {
		if got := g.Check(step.now, src, netip.AddrPort{}, nil); got != step.want {
			t.Errorf("at %v: got %v, want %v", time.Duration(step.now), got, step.want)
		}
	}
}

// The memory of a Guard does not grow with the number of sources.
func TestAMillionSourcesNeedNoMemory(t *testing.T) {
	g := NewGuard(GuardConfig{})
	random := rand.New(rand.NewPCG(1, 2))
	payload := []byte("hello")
	now, answered := int64(0), 0
	allocs := testing.AllocsPerRun(9, func() { // ten times; the first is not counted
		for range 100_000 {
			now += int64(time.Microsecond)
			var b [16]byte
			b[0], b[1] = 0x20, byte(random.Uint32())
			for i := 2; i < 8; i++ {
				b[i] = byte(random.Uint32())
			}
			if g.Check(now, netip.AddrPortFrom(netip.AddrFrom16(b), 40000), netip.AddrPort{}, payload) == Answer {
				answered++
			}
		}
	})
	if allocs != 0 {
		t.Errorf("got %v allocations, want 0", allocs)
	}
	most := DefaultTotal.Burst().Packets + int(float64(DefaultTotal.Packets)*time.Duration(now).Seconds())
	if answered > most || answered < most/2 {
		t.Errorf("got %d of 1,000,000 answered in %v, want at most %d, and at least half of that", answered, time.Duration(now), most)
	}
}
