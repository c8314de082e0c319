package accept

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
)

func TestSlotsAreAcquiredAndReleased(t *testing.T) {
	s := NewSlots(2, 0)
	for i, want := range []bool{true, true, false} {
		if got := s.Acquire(); got != want {
			t.Fatalf("slot %d of 2: got %t, want %t", i+1, got, want)
		}
	}
	if s.InUse() != 2 || s.Max() != 2 {
		t.Errorf("got %d of %d in use, want 2 of 2", s.InUse(), s.Max())
	}
	s.Release()
	if !s.Acquire() {
		t.Error("a slot was released, and none is free")
	}
}

func TestReleasingASlotTwicePanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("got no panic")
		}
	}()
	NewSlots(1, 0).Release()
}

func TestOnReleaseIsCalledOnlyAfterAnAcquireHasFailed(t *testing.T) {
	s := NewSlots(1, 0)
	calls := 0
	s.OnRelease(func() { calls++ })
	s.Acquire()
	s.Release()
	if calls != 0 {
		t.Error("called though no Acquire had failed")
	}
	s.Acquire()
	s.Acquire() // fails
	s.Release()
	if calls != 1 {
		t.Errorf("called %d times, want once", calls)
	}
	s.Acquire()
	s.Release()
	if calls != 1 {
		t.Errorf("called %d times, want once for one failed Acquire", calls)
	}
}

// TestNoGoroutineWaitsWhileASlotIsFree races Acquire against Release: a goroutine whose
// Acquire fails is woken by the next Release, at whatever moment that comes.
func TestNoGoroutineWaitsWhileASlotIsFree(t *testing.T) {
	s := NewSlots(1, 0)
	var served atomic.Int64
	var clients sync.WaitGroup
	freed := make(chan struct{}, 1)
	s.OnRelease(func() {
		select {
		case freed <- struct{}{}:
		default:
		}
	})
	const each = 2000
	for range 2 {
		clients.Go(func() {
			for range each {
				for !s.Acquire() {
					<-freed
				}
				served.Add(1)
				s.Release()
				select { // the other goroutine may wait for the token that this one has used
				case freed <- struct{}{}:
				default:
				}
			}
		})
	}
	clients.Wait()
	if got := served.Load(); got != 2*each {
		t.Errorf("served %d, want %d", got, 2*each)
	}
}

func TestAnAddressHasALimit(t *testing.T) {
	tests := []struct {
		name string
		a, b string
		same bool // they count as one host
	}{
		{"the same IPv4 address", "192.0.2.1", "192.0.2.1", true},
		{"mapped into IPv6", "192.0.2.1", "::ffff:192.0.2.1", true},
		{"another IPv4 address", "192.0.2.1", "192.0.2.2", false},
		{"the same /64", "2001:db8::1", "2001:db8::2", true},
		{"another /64", "2001:db8::1", "2001:db8:0:1::1", false},
		{"another zone", "fe80::1%eth0", "fe80::1%eth1", true},
	}
	for _, tt := range tests {
		s := NewSlots(10, 1)
		a, b := netip.MustParseAddr(tt.a), netip.MustParseAddr(tt.b)
		if !s.AcquireFor(a) {
			t.Fatalf("%s: the first is refused", tt.name)
		}
		if got := s.AcquireFor(b); got == tt.same {
			t.Errorf("%s: the second: got %t, want %t", tt.name, got, !tt.same)
		}
		if !tt.same {
			s.ReleaseFor(b)
		}
		s.ReleaseFor(a)
		if !s.AcquireFor(b) {
			t.Errorf("%s: all are released, and the next is refused", tt.name)
		}
		s.ReleaseFor(b)
		if len(s.ofAddress) != 0 {
			t.Errorf("%s: all are released, and %d addresses are remembered", tt.name, len(s.ofAddress))
		}
	}
}

func TestWithoutALimitNoAddressIsRemembered(t *testing.T) {
	s := NewSlots(1, 0)
	for range 100 {
		if !s.AcquireFor(netip.MustParseAddr("192.0.2.1")) {
			t.Fatal("refused without a limit")
		}
	}
	limited := NewSlots(1, 1)
	for range 2 {
		if !limited.AcquireFor(netip.Addr{}) {
			t.Error("an invalid address is refused")
		}
	}
	if len(s.ofAddress) != 0 || s.PerAddress() {
		t.Error("addresses are counted without a limit")
	}
	s.ReleaseFor(netip.MustParseAddr("192.0.2.1"))
}
