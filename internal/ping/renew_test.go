package ping_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"echod/internal/ping"
)

// TestStaleFlowIsReplaced: a device on the path leads the flow of the first socket to a
// server that has gone. A new socket is answered.
func TestStaleFlowIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got events
		f := newService(t, func(n int, c *serviceConn) {
			if n == 1 {
				c.Write(<-c.in)
				for range c.in {
					// never answered
				}
			}
			c.echo()
		})
		config := got.every(time.Second, f.target("udp"), 15)
		config.Timeout = 1500 * time.Millisecond
		f.run(t.Context(), config)
		var lost []uint64
		for _, p := range got.probes {
			if p.Fate == ping.Lost {
				lost = append(lost, p.Seq)
			}
		}
		// The third is lost 1.5 s after it was sent. By then the fifth is sent, too.
		if want := []uint64{2, 3, 4, 5}; !slices.Equal(lost, want) || len(got.probes) != 15 {
			t.Errorf("lost %v of %d, want %v of 15", lost, len(got.probes), want)
		}
		compare(t, "connections", got.connLines(), []string{"up", "stale"})
	})
}

// TestLossesOfTheOldSocketAreNotThoseOfTheNewOne: more of them are known before the first answer on the
// new socket, which takes half a second.
func TestLossesOfTheOldSocketAreNotThoseOfTheNewOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got events
		f := newService(t, func(n int, c *serviceConn) {
			for p := range c.in {
				if n == 1 {
					continue // never answered
				}
				go func() {
					time.Sleep(500 * time.Millisecond)
					c.Write(p)
				}()
			}
		})
		config := got.every(100*time.Millisecond, f.target("udp"), 50)
		config.Timeout = 1500 * time.Millisecond
		f.run(t.Context(), config)
		compare(t, "connections", got.connLines(), []string{"up", "stale"})
		if n := len(f.dials); n != 2 {
			t.Errorf("%d sockets were opened, want 2", n)
		}
	})
}

// TestServerThatComesBackIsNoStaleFlow: no socket is answered for a while, and then each is.
func TestServerThatComesBackIsNoStaleFlow(t *testing.T) {
	for _, back := range []time.Duration{3900 * time.Millisecond, 5500 * time.Millisecond, 20500 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			var got events
			began := time.Now()
			f := newService(t, func(n int, c *serviceConn) {
				for p := range c.in {
					if time.Since(began) >= back {
						c.Write(p)
					}
				}
			})
			config := got.every(time.Second, f.target("udp"), 40)
			config.Timeout = 1500 * time.Millisecond
			f.run(t.Context(), config)
			compare(t, "connections", got.connLines(), []string{"up"})
			for _, p := range got.probes {
				if answered := p.Fate == ping.Answered; answered != (p.Sent.Sub(began) >= back) {
					t.Errorf("back after %v: %s, sent after %v", back, line(p), p.Sent.Sub(began))
				}
			}
			if len(f.dials) < 2 {
				t.Error("there was no second socket")
			}
		})
	}
}
