package accept

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
)

func TestPlacesAreTakenAndGivenBack(t *testing.T) {
	p := NewPlaces(2, 0)
	for i, want := range []bool{true, true, false} {
		if got := p.Take(); got != want {
			t.Fatalf("place %d of 2: got %t, want %t", i+1, got, want)
		}
	}
	if p.Taken() != 2 || p.Max() != 2 {
		t.Errorf("got %d of %d taken, want 2 of 2", p.Taken(), p.Max())
	}
	p.Free()
	if !p.Take() {
		t.Error("a place was given back, and there is none")
	}
}

func TestAPlaceGivenBackTwiceIsABug(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("got no panic")
		}
	}()
	NewPlaces(1, 0).Free()
}

func TestFreeWakesOnlyWhenATakeHasFailed(t *testing.T) {
	p := NewPlaces(1, 0)
	woken := 0
	p.OnFree(func() { woken++ })
	p.Take()
	p.Free()
	if woken != 0 {
		t.Error("nobody wanted a place, and was woken")
	}
	p.Take()
	p.Take() // fails
	p.Free()
	if woken != 1 {
		t.Errorf("woken %d times, want once", woken)
	}
	p.Take()
	p.Free()
	if woken != 1 {
		t.Errorf("woken %d times, want once for one failed Take", woken)
	}
}

// TestNobodyWaitsBesideAFreePlace: a goroutine that fails to take a place is woken
// by whoever gives one back, at whatever moment that is.
func TestNobodyWaitsBesideAFreePlace(t *testing.T) {
	p := NewPlaces(1, 0)
	var served atomic.Int64
	var clients sync.WaitGroup
	freed := make(chan struct{}, 1)
	p.OnFree(func() {
		select {
		case freed <- struct{}{}:
		default:
		}
	})
	const each = 2000
	for range 2 {
		clients.Go(func() {
			for range each {
				for !p.Take() {
					<-freed
				}
				served.Add(1)
				p.Free()
				select { // another may wait for the token that this one has used
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

func TestAnAddressHasItsShare(t *testing.T) {
	tests := []struct {
		name  string
		a, b  string
		share bool // the two are counted together
	}{
		{"the same IPv4 address", "192.0.2.1", "192.0.2.1", true},
		{"mapped into IPv6", "192.0.2.1", "::ffff:192.0.2.1", true},
		{"another IPv4 address", "192.0.2.1", "192.0.2.2", false},
		{"the same /64", "2001:db8::1", "2001:db8::2", true},
		{"another /64", "2001:db8::1", "2001:db8:0:1::1", false},
		{"another zone", "fe80::1%eth0", "fe80::1%eth1", true},
	}
	for _, tt := range tests {
		p := NewPlaces(10, 1)
		a, b := netip.MustParseAddr(tt.a), netip.MustParseAddr(tt.b)
		if !p.Enter(a) {
			t.Fatalf("%s: the first is refused", tt.name)
		}
		if got := p.Enter(b); got == tt.share {
			t.Errorf("%s: the second enters: got %t, want %t", tt.name, got, !tt.share)
		}
		if !tt.share {
			p.Leave(b)
		}
		p.Leave(a)
		if !p.Enter(b) {
			t.Errorf("%s: all have left, and the share is not free", tt.name)
		}
		p.Leave(b)
		if len(p.shares) != 0 {
			t.Errorf("%s: all have left, and %d shares are remembered", tt.name, len(p.shares))
		}
	}
}

func TestWithoutALimitAnAddressCostsNothing(t *testing.T) {
	p := NewPlaces(1, 0)
	for range 100 {
		if !p.Enter(netip.MustParseAddr("192.0.2.1")) {
			t.Fatal("refused without a limit")
		}
	}
	limited := NewPlaces(1, 1)
	for range 2 {
		if !limited.Enter(netip.Addr{}) {
			t.Error("a peer without an address is refused")
		}
	}
	if len(p.shares) != 0 || p.PerAddress() {
		t.Error("shares are counted without a limit")
	}
	p.Leave(netip.MustParseAddr("192.0.2.1"))
}
