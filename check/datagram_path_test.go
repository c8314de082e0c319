package check_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"echod/check"
	"echod/echotest"
)

// udpPath is a path to an echo, inside of a synctest bubble, where time passes only while
// everything waits.
type udpPath struct {
	roundTrip time.Duration
	loss      float64 // of each datagram, there and back
	rate      int     // bytes a second; 0 for any
	queue     int     // bytes that wait for the rate; what exceeds it is lost
	limit     int     // datagrams a second, and a tenth of that at once; 0 for any
	mute      bool
}

// udpLink is the state of a path.
type udpLink struct {
	udpPath
	mu     sync.Mutex
	random *rand.Rand
	free   time.Time // when the rate allows the next byte
	paid   time.Time // when the limit allows the next datagram
	sent   int       // keeps the order of datagrams that are sent at the same time
}

// target returns a target behind a path that loses other datagrams for each seed.
func (p udpPath) target(seed uint64) check.Target {
	l := &udpLink{udpPath: p, random: rand.New(rand.NewPCG(seed, 0))}
	return check.Target{Network: "udp", Address: "path", Dial: func(context.Context) (net.Conn, error) {
		return &udpLinkConn{link: l, arrived: make(chan []byte, 10000), closed: make(chan struct{})}, nil
	}}
}

// arrival returns when a datagram of n bytes is back, and whether it is.
func (p *udpLink) arrival(n int) (time.Time, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent++
	now := time.Now().Add(time.Duration(p.sent))
	if p.mute || p.random.Float64() < p.loss {
		return now, false
	}
	if p.limit > 0 {
		if p.paid.Before(now) {
			p.paid = now
		}
		next := p.paid.Add(time.Second / time.Duration(p.limit))
		if next.Sub(now) > time.Second/10 {
			return now, false
		}
		p.paid = next
	}
	if p.rate == 0 {
		return now.Add(p.roundTrip), true
	}
	if p.free.Before(now) {
		p.free = now
	}
	waiting := int(p.free.Sub(now).Seconds() * float64(p.rate))
	if waiting > 0 && waiting+n > p.queue {
		return now, false
	}
	p.free = p.free.Add(time.Duration(float64(n) / float64(p.rate) * float64(time.Second)))
	return p.free.Add(p.roundTrip), true
}

type udpLinkConn struct {
	net.Conn
	link    *udpLink
	arrived chan []byte
	once    sync.Once
	closed  chan struct{}
}

func (c *udpLinkConn) Write(b []byte) (int, error) {
	if at, ok := c.link.arrival(len(b)); ok {
		data := slices.Clone(b)
		time.AfterFunc(time.Until(at), func() { c.arrived <- data })
	}
	return len(b), nil
}

func (c *udpLinkConn) Read(b []byte) (int, error) {
	select {
	case data := <-c.arrived:
		return copy(b, data), nil
	case <-c.closed:
		return 0, net.ErrClosed
	}
}

func (c *udpLinkConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return nil
}

func (c *udpLinkConn) SetReadDeadline(time.Time) error { return nil }
func (c *udpLinkConn) RemoteAddr() net.Addr            { return &net.UnixAddr{Name: "path"} }

// Honest paths pass for every seed, in little time.
func TestAnHonestDatagramPathPassesSoon(t *testing.T) {
	for _, tt := range []struct {
		name  string
		path  udpPath
		limit time.Duration
	}{
		{"without a delay", udpPath{}, 2 * time.Second},
		{"1 % loss", udpPath{loss: 0.01}, 10 * time.Second},
		{"5 % loss", udpPath{loss: 0.05}, 15 * time.Second},
		{"300 ms", udpPath{roundTrip: 300 * time.Millisecond}, 10 * time.Second},
		{"2.5 s", udpPath{roundTrip: 2500 * time.Millisecond}, 20 * time.Second},
		{"2.5 s and 1 % loss", udpPath{roundTrip: 2500 * time.Millisecond, loss: 0.01}, 20 * time.Second},
		{"2.5 s and 5 % loss", udpPath{roundTrip: 2500 * time.Millisecond, loss: 0.05}, 40 * time.Second},
		{"100 datagrams/s", udpPath{limit: 100}, 20 * time.Second},
		{"100 datagrams/s and 20 ms", udpPath{limit: 100, roundTrip: 20 * time.Millisecond}, 20 * time.Second},
		{"30 datagrams/s", udpPath{limit: 30, roundTrip: time.Millisecond}, 20 * time.Second},
		{"300 datagrams/s", udpPath{limit: 300, roundTrip: 5 * time.Millisecond, loss: 0.01}, 20 * time.Second},
		{"100 KiB/s", udpPath{rate: 100 << 10, queue: 128 << 10}, 10 * time.Second},
		{"100 KiB/s and a short queue", udpPath{rate: 100 << 10, queue: 64 << 10}, 20 * time.Second},
		{"100 KiB/s and 2.5 s", udpPath{rate: 100 << 10, queue: 128 << 10, roundTrip: 2500 * time.Millisecond}, 30 * time.Second},
		{"100 KiB/s and 5 % loss", udpPath{rate: 100 << 10, queue: 64 << 10, loss: 0.05}, 30 * time.Second},
		{"100 KiB/s and 300 ms", udpPath{rate: 100 << 10, queue: 128 << 10, roundTrip: 300 * time.Millisecond}, 20 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var all []time.Duration
			for seed := range uint64(max(10, soakRuns())) {
				synctest.Test(t, func(t *testing.T) {
					start := time.Now()
					report, err := check.Run(t.Context(), tt.path.target(seed), check.Options{Seed: seed + 1})
					if err != nil {
						t.Fatal(err)
					}
					all = append(all, time.Since(start))
					if report.Verdict() != check.Pass {
						t.Errorf("seed %d: %s, want pass\n%s", seed, report.Verdict(), textOf(report))
					}
				})
			}
			slices.Sort(all)
			if median := all[len(all)/2]; median > tt.limit {
				t.Errorf("takes from %v to %v, median %v: want a median of at most %v", all[0], all[len(all)-1], median, tt.limit)
			}
			t.Logf("from %v to %v, median %v", all[0], all[len(all)-1], all[len(all)/2])
		})
	}
}

// TestNoFalseAlarmOnALossyPath runs the rules on relays that lose packets at random or are
// slow, ECHOD_SOAK times. Without ECHOD_SOAK only two of them run, once.
func TestNoFalseAlarmOnALossyPath(t *testing.T) {
	t.Parallel()
	slow := func(path echotest.Path) echotest.ProxyFault { return echotest.ProxyFault{Path: path} }
	server := echotest.NewUDPServer(t)
	for i, tt := range []struct {
		name  string
		fault echotest.ProxyFault
	}{
		{"1 %", echotest.LosesPackets(1, 0)},
		{"5 %", echotest.LosesPackets(5, 0)},
		{"300 ms", slow(echotest.Path{ToServer: echotest.Way{Delay: 150 * time.Millisecond}, ToClient: echotest.Way{Delay: 150 * time.Millisecond}})},
		{"2.5 s", slow(echotest.Path{
			ToServer: echotest.Way{Delay: 1250 * time.Millisecond}, ToClient: echotest.Way{Delay: 1250 * time.Millisecond},
			Faults: []echotest.PathFault{{Direction: echotest.ToClient, Chunks: echotest.Chance(0.01), Do: echotest.Drop}},
		})},
		{"100 KiB/s", slow(echotest.Path{ToServer: echotest.Way{Rate: 100 << 10, Window: 128 << 10}})},
	} {
		if i > 1 && soakRuns() == 0 {
			break
		}
		for seed := range uint64(max(1, soakRuns())) {
			t.Run(fmt.Sprintf("%s/%d", tt.name, seed), func(t *testing.T) {
				t.Parallel()
				fault := tt.fault
				fault.Path.Seed = seed
				proxy := echotest.NewBrokenProxy(t, fault, server.URL())
				report, err := check.Run(t.Context(), parse(t, proxy.URL()), check.Options{Seed: seed + 1})
				if err != nil {
					t.Fatal(err)
				}
				if report.Verdict() != check.Pass {
					t.Errorf("got %s, want pass", report.Verdict())
				}
				report.WriteText(t.Output(), false)
			})
		}
	}
}

// The error of a port that does not answer, or answers too late, comes within twice the
// timeout.
func TestAMuteOrLateUDPPortIsOneErrorWithinTwiceTheTimeout(t *testing.T) {
	for _, tt := range []struct {
		name string
		path udpPath
		want string
	}{
		{"mute", udpPath{mute: true}, "no answer to 4 datagrams"},
		{"late", udpPath{roundTrip: 1800 * time.Millisecond}, "the first answer came after 1.8s, and the timeout is 1s: pass a longer one"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				_, err := check.Run(t.Context(), tt.path.target(1), check.Options{Timeout: time.Second})
				var unreachable *check.UnreachableError
				if !errors.As(err, &unreachable) || unreachable.Class != check.Timeout || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("got %v, want an UnreachableError of class timeout: %s", err, tt.want)
				}
				if elapsed := time.Since(start); elapsed > 2*time.Second {
					t.Errorf("got the error after %v", elapsed)
				}
			})
		})
	}
}
