//go:build linux

package reactor

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"echod/internal/engine"
	"echod/internal/sys/sim"
)

// TestRandomActionsUnderRandomFaults lets peers move at random on a machine that fails
// at random, and looks after every move. What it finds, it shrinks.
func TestRandomActionsUnderRandomFaults(t *testing.T) {
	for _, e := range pollers {
		t.Run(e.name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				sc := drawScenario(t)
				r, err := newRig(e.make, sc, nil, nil)
				if err != nil {
					t.Fatal(err)
				}
				r.k.Follow(rapid.SliceOfN(decisions, 0, 400).Draw(t, "script"))
				t.Repeat(moves(r))
				r.live()
				r.safe()
				r.bury()
				if bad := r.verdict(); bad != "" {
					t.Fatal(bad)
				}
			})
		})
	}
}

// drawScenario chooses how tight everything is.
func drawScenario(t *rapid.T) scenario {
	return scenario{
		loops: rapid.IntRange(1, 2).Draw(t, "loops"),
		idle:  rapid.SampledFrom([]time.Duration{0, 10 * time.Second}).Draw(t, "idle timeout"),
		limit: engine.Limits{
			MaxConns:      rapid.SampledFrom([]int{100, 1, 3}).Draw(t, "connections"),
			MaxConnsPerIP: rapid.SampledFrom([]int{0, 2}).Draw(t, "per address"),
			MaxMemory:     rapid.SampledFrom([]int64{1 << 20, 1, rigBuffer, 3 * rigBuffer}).Draw(t, "memory"),
		},
	}
}

// decisions are bytes of a script, most of them harmless: where everything
// fails, nothing gets far.
var decisions = rapid.OneOf(
	rapid.Just[byte](0), rapid.Just[byte](0),
	rapid.ByteRange(1, 16),    // errnos
	rapid.ByteRange(128, 255), // short
)

// moves are what peers, and time, can do.
func moves(r *rig) map[string]func(*rapid.T) {
	peer := func(do func(*rapid.T, *sim.Peer)) func(*rapid.T) {
		return func(t *rapid.T) {
			if len(r.peers) == 0 {
				t.Skip("nobody is there")
			}
			do(t, r.peers[rapid.IntRange(0, len(r.peers)-1).Draw(t, "peer")])
		}
	}
	return map[string]func(*rapid.T){
		"dial":   func(*rapid.T) { r.dial() },
		"turn":   func(*rapid.T) { r.turn() },
		"census": func(*rapid.T) { r.whoIsThere() },
		"send": peer(func(t *rapid.T, p *sim.Peer) {
			r.send(p, rapid.IntRange(1, 4*rigBuffer).Draw(t, "bytes"))
		}),
		"read": peer(func(t *rapid.T, p *sim.Peer) {
			p.Read(rapid.IntRange(1, 2*rigBuffer).Draw(t, "bytes"))
		}),
		"half-close": peer(func(_ *rapid.T, p *sim.Peer) { p.CloseWrite() }),
		"close":      peer(func(_ *rapid.T, p *sim.Peer) { p.Close() }),
		"reset":      peer(func(_ *rapid.T, p *sim.Peer) { p.Reset() }),
		"stall":      peer(func(_ *rapid.T, p *sim.Peer) { p.Stall() }),
		"resume":     peer(func(_ *rapid.T, p *sim.Peer) { p.Resume() }),
		"wait": func(t *rapid.T) {
			r.k.Advance(time.Duration(rapid.IntRange(1, 400).Draw(t, "seconds")) * time.Second)
			r.turn()
		},
		"drain": func(t *rapid.T) {
			if rapid.IntRange(0, 9).Draw(t, "seldom") == 0 {
				r.srv.startDrain()
			}
		},
		"": func(t *rapid.T) {
			r.safe()
			if bad := r.verdict(); bad != "" {
				t.Fatal(bad)
			}
		},
	}
}
