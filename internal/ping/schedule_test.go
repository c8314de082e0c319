package ping_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"echod/internal/dial"
	"echod/internal/ping"
)

// TestStallIsInThePercentiles: a service that stalls for one second of every five, and a
// probe each 10 ms. One probe of five waits, the longest for a second.
func TestStallIsInThePercentiles(t *testing.T) {
	for _, reconnect := range []bool{false, true} {
		t.Run(fmt.Sprintf("reconnect %v", reconnect), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began, tally := time.Now(), ping.NewTally()
				f := newService(t, func(_ int, c *serviceConn) {
					for p := range c.in {
						if at := time.Since(began) % (5 * time.Second); at < time.Second {
							time.Sleep(time.Second - at)
						}
						c.Write(p)
					}
				})
				config := new(events).every(10*time.Millisecond, f.target("tcp"), 1000)
				config.Timeout, config.Reconnect, config.OnProbe = 2*time.Second, reconnect, tally.Probe
				f.run(t.Context(), config)
				s := tally.Summary()
				if s.Received != 1000 || s.RTT.P99 < 940*time.Millisecond || s.RTT.P90 < 450*time.Millisecond || s.RTT.P50 > time.Millisecond {
					t.Errorf("got %d received, p50 %v, p90 %v, p99 %v; want 1000, 0s, about 500ms and about 950ms", s.Received, s.RTT.P50, s.RTT.P90, s.RTT.P99)
				}
			})
		})
	}
}

// TestSilenceIsHalfOfTheProbes: silence for 30 of 60 seconds is a loss of half of the
// probes, on streams as with datagrams. A stream delivers its answers after the silence,
// which is in time for the last two seconds.
func TestSilenceIsHalfOfTheProbes(t *testing.T) {
	const from, to = 15 * time.Second, 45*time.Second + 25*time.Millisecond
	tests := []struct {
		network   string
		reconnect bool
		lost      int64
	}{{"tcp", false, 561}, {"udp", false, 601}, {"tcp", true, 561}, {"udp", true, 601}}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%s, reconnect %v", tt.network, tt.reconnect), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began, tally := time.Now(), ping.NewTally()
				f := newService(t, func(_ int, c *serviceConn) {
					for p := range c.in {
						silent := time.Since(began) >= from && time.Since(began) < to
						if silent && tt.network == "udp" {
							continue
						}
						if silent {
							time.Sleep(to - time.Since(began))
						}
						c.Write(p)
					}
				})
				config := new(events).every(50*time.Millisecond, f.target(tt.network), 1200)
				config.Timeout, config.Reconnect, config.OnProbe = 2*time.Second, tt.reconnect, tally.Probe
				f.run(t.Context(), config)
				if s := tally.Summary(); s.Sent != 1200 || s.Lost != tt.lost {
					t.Errorf("got %d lost of %d, want %d of 1200", s.Lost, s.Sent, tt.lost)
				}
			})
		})
	}
}

// TestAttemptsHaveALimit: of a service that never completes a connection, a probe that is
// due beyond the limit is lost, with its reason.
func TestAttemptsHaveALimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tally := ping.NewTally()
		config := new(events).every(time.Millisecond, ping.Target{Network: "tcp", Address: "echo:7", Via: func(ctx context.Context) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}}, 1000)
		config.Timeout, config.Reconnect = 500*time.Millisecond, true
		config.OnProbe = tally.Probe
		run(t, config)
		s := tally.Summary()
		if s.LostBy[dial.Timeout] != 512 || s.LostBy[ping.NotSent] != 488 || s.Sent != 1000 {
			t.Errorf("got %v of %d, want 512 timeouts and 488 not sent", s.LostBy, s.Sent)
		}
	})
}

// TestStopWaitsForWhatIsInFlight: the end of the sending is not the end of the answers.
func TestStopWaitsForWhatIsInFlight(t *testing.T) {
	for _, network := range []string{"tcp", "udp"} {
		for _, reconnect := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				var got events
				f := newService(t, func(_ int, c *serviceConn) {
					for p := range c.in {
						time.Sleep(1500 * time.Millisecond)
						c.Write(p)
						break
					}
					for range c.in {
						// never answered on this connection
					}
				})
				stop := make(chan struct{})
				time.AfterFunc(1200*time.Millisecond, func() { close(stop) })
				config := got.every(time.Second, f.target(network), 0)
				config.Timeout, config.Reconnect, config.Stop = 5*time.Second, reconnect, stop
				f.run(t.Context(), config)
				second := "lost 2: timeout"
				if reconnect {
					second = "answered 2 in 1.5s"
				}
				compare(t, fmt.Sprint(network, " reconnect ", reconnect), got.lines(), []string{"answered 1 in 1.5s", second})
			})
		}
	}
}

// TestEveryProbeThatIsDueHasOneFate: whatever a service and a path do, each moment of the
// schedule is one probe, and each probe is answered or lost, once, with a class.
func TestEveryProbeThatIsDueHasOneFate(t *testing.T) {
	for seed := range uint64(40) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			network := []string{"tcp", "udp"}[seed%2]
			var got events
			f := newService(t, func(n int, c *serviceConn) { misbehave(rand.New(rand.NewPCG(seed, uint64(n)+2)), c) })
			f.refuse = func(n int) error {
				switch random := rand.New(rand.NewPCG(seed, uint64(n)+1000)); random.IntN(4) {
				case 0:
					return syscall.ECONNREFUSED
				case 1:
					time.Sleep(time.Duration(random.IntN(400)) * time.Millisecond)
				}
				return nil
			}
			config := got.every(time.Duration(1+random.IntN(50))*time.Millisecond, f.target(network), 0)
			config.Timeout = time.Duration(1+random.IntN(500)) * time.Millisecond
			config.Reconnect = random.IntN(3) == 0
			stop := make(chan struct{})
			config.Stop = stop
			began, ended := time.Now(), time.Time{}
			config.OnConn = func(e ping.ConnEvent) {
				if e.Up && len(got.probes) == 0 {
					began = e.At
				}
			}
			time.AfterFunc(3*time.Second, func() { ended = time.Now(); close(stop) })
			f.run(t.Context(), config)
			wantOneFateEach(t, seed, got, uint64(ended.Sub(began)/config.Interval)+1)
		})
	}
}

// wantOneFateEach compares the fates with how many probes were due since the schedule began: at
// the first connection, or with the first attempt if a probe was lost before.
func wantOneFateEach(t *testing.T, seed uint64, got events, due uint64) {
	t.Helper()
	fates := map[uint64]int{}
	last := uint64(0)
	for _, p := range got.probes {
		if p.Fate != ping.Answered && p.Fate != ping.Lost {
			continue
		}
		fates[p.Seq]++
		last = max(last, p.Seq)
		// A socket would return EPIPE, which has a class, where a pipe returns ErrClosedPipe.
		if p.Fate == ping.Lost && p.Class == "" && !errors.Is(p.Err, io.ErrClosedPipe) {
			t.Errorf("seed %d: %d is lost without a class: %v", seed, p.Seq, p.Err)
		}
	}
	for seq := uint64(1); seq <= last; seq++ {
		if fates[seq] != 1 {
			t.Errorf("seed %d: probe %d has %d fates, want 1", seed, seq, fates[seq])
		}
	}
	if last != due && last+1 != due { // the last is due at the moment of the end, or not
		t.Errorf("seed %d: %d probes, but %d were due", seed, last, due)
	}
}

// misbehave is a connection of a service with random faults.
func misbehave(random *rand.Rand, c *serviceConn) {
	for p := range c.in {
		switch random.IntN(40) {
		case 0:
			return // hangs up
		case 1:
			c.Write(p[:10])
			return
		case 2:
			p[random.IntN(len(p))] ^= 1
		case 3, 4:
			time.Sleep(time.Duration(random.IntN(700)) * time.Millisecond)
		case 5:
			c.Write(p)
		case 6, 7:
			continue
		}
		c.Write(p)
	}
}

// TestTurnsReplaceTheSchedule: a probe is sent for each turn, and none without one.
func TestTurnsReplaceTheSchedule(t *testing.T) {
	for _, reconnect := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			turns, got := make(chan struct{}), new(events)
			config := got.every(time.Second, newService(t, func(_ int, c *serviceConn) { c.echo() }).target("tcp"), 3)
			config.Turn, config.Reconnect = turns, reconnect
			config.OnPause = func(p ping.Pause) { t.Errorf("a pause of %d probes", p.Probes) }
			began := time.Now()
			go func() {
				for i := range 3 {
					time.Sleep(time.Duration(i+1) * time.Minute)
					turns <- struct{}{}
				}
			}()
			run(t, config)
			for i, p := range got.probes {
				if want := []time.Duration{1, 3, 6}[i] * time.Minute; p.Fate != ping.Answered || p.Sent.Sub(began) != want {
					t.Errorf("probe %d: %s, sent after %v; want %v", i+1, p.Fate, p.Sent.Sub(began), want)
				}
			}
			if len(got.probes) != 3 {
				t.Errorf("%d probes, want 3", len(got.probes))
			}
		})
	}
}
