//go:build linux

package reactor

import (
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"echod/internal/engine"
	"echod/internal/sys/sim"
)

// TestRandomActionsUnderRandomFaults has peers act at random on a kernel that fails at
// random. It checks safety after every action, and shrinks a sequence that fails.
func TestRandomActionsUnderRandomFaults(t *testing.T) {
	for _, e := range pollers {
		t.Run(e.name, func(t *testing.T) {
			dir := t.TempDir()
			rapid.Check(t, func(t *rapid.T) {
				sc := drawScenario(t, dir)
				r, err := newRig(e.make, sc, nil, nil)
				if err != nil {
					t.Fatal(err)
				}
				for range rapid.IntRange(0, 4).Draw(t, "pairs of peers at first") {
					r.dial()
					r.dialUnix()
				}
				r.k.SetScript(rapid.SliceOfN(decisions, 0, 400).Draw(t, "script"))
				t.Repeat(actions(r))
				r.checkLiveness()
				r.checkSafety()
				r.shutDown()
				if bad := r.failures(); bad != "" {
					t.Fatal(bad)
				}
			})
		})
	}
}

// drawScenario chooses the limits and the buffer. A socket file is in dir.
func drawScenario(t *rapid.T, dir string) scenario {
	buffer := rapid.SampledFrom([]int{rigBuffer, 64 << 10}).Draw(t, "buffer")
	return scenario{
		path:   filepath.Join(dir, "s"),
		buffer: buffer,
		loops:  rapid.IntRange(1, 2).Draw(t, "loops"),
		idle:   rapid.SampledFrom([]time.Duration{0, 10 * time.Second}).Draw(t, "idle timeout"),
		limit: engine.Limits{
			MaxConns:      rapid.SampledFrom([]int{100, 1, 3}).Draw(t, "connections"),
			MaxConnsPerIP: rapid.SampledFrom([]int{0, 2}).Draw(t, "per address"),
			MaxMemory:     rapid.SampledFrom([]int64{1 << 20, 1, int64(buffer), 3 * int64(buffer)}).Draw(t, "memory"),
		},
	}
}

// decisions are bytes of a script. Most of them are no fault: if most calls failed, the
// server would not get far.
var decisions = rapid.OneOf(
	rapid.Just[byte](0), rapid.Just[byte](0),
	rapid.ByteRange(1, 16),    // errnos
	rapid.ByteRange(128, 255), // short
)

// actions has what peers can do, and what time can do.
func actions(r *rig) map[string]func(*rapid.T) {
	peer := func(do func(*rapid.T, *sim.Peer)) func(*rapid.T) {
		return func(t *rapid.T) {
			if len(r.peers) == 0 {
				t.Skip("there are no peers")
			}
			do(t, r.peers[rapid.IntRange(0, len(r.peers)-1).Draw(t, "peer")])
		}
	}
	return map[string]func(*rapid.T){
		"dial":       func(*rapid.T) { r.dial() },
		"dial unix":  func(*rapid.T) { r.dialUnix() },
		"iterate":    func(*rapid.T) { r.iterate() },
		"list peers": func(*rapid.T) { r.topPeers() },
		"send": peer(func(t *rapid.T, p *sim.Peer) {
			r.send(p, rapid.IntRange(1, 4*rigBuffer).Draw(t, "bytes"))
		}),
		"all send": func(t *rapid.T) {
			n := rapid.IntRange(1, rigBuffer).Draw(t, "bytes")
			for _, p := range r.peers {
				r.send(p, n)
			}
		},
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
			r.iterate()
		},
		"drain": func(t *rapid.T) {
			if rapid.IntRange(0, 9).Draw(t, "one in ten") == 0 {
				r.srv.startDrain()
			}
		},
		"": func(t *rapid.T) {
			r.checkSafety()
			if bad := r.failures(); bad != "" {
				t.Fatal(bad)
			}
		},
	}
}

// FuzzScript runs a scenario on a kernel that fails as the script says, with all three
// pollers. which selects the scenario.
func FuzzScript(f *testing.F) {
	for i := range scenarios {
		f.Add(byte(i), []byte(nil))
		f.Add(byte(i), everyByte(sim.Short(1)))
		f.Add(byte(i), everyByte(sim.Fail(sim.Recv, unix.EINTR)))
	}
	f.Add(byte(2), sim.FailAt(20, sim.Send, unix.ENOBUFS))
	f.Add(byte(7), sim.FailAt(3, sim.Accept4, unix.EMFILE))
	f.Fuzz(func(t *testing.T, which byte, script []byte) {
		sc := scenarios[int(which)%len(scenarios)]
		for _, e := range pollers {
			r, err := newRig(e.make, sc, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.k.SetScript(script) // not while the server is made
			r.run(sc)
			if bad := r.failures(); bad != "" {
				t.Errorf("%s, %s:\n%s", e.name, sc.name, bad)
			}
		}
	})
}

// everyByte returns a script with the same decision for every call of a scenario.
func everyByte(b byte) []byte {
	script := make([]byte, 200)
	for i := range script {
		script[i] = b
	}
	return script
}
