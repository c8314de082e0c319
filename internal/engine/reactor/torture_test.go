//go:build linux

package reactor

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"echod/internal/engine"
	"echod/internal/sys"
	"echod/internal/sys/sim"
)

// TestEveryCallFailsOnce plays every scenario once without a fault and then once for each
// of the calls that were made and each errno that the call may return. Whatever
// fails, no peer is lied to, and everybody is served once nothing fails.
//
// The ledger keeps it from fooling itself: an errno that is legal for a call
// the reactor makes, and was never taken, is a failure.
func TestEveryCallFailsOnce(t *testing.T) {
	var ledger sim.Ledger
	t.Run("streams", func(t *testing.T) {
		for _, e := range pollers {
			for _, sc := range append(scenarios, onUnix(t)...) {
				t.Run(e.name+"/"+sc.name, func(t *testing.T) {
					t.Parallel()
					torture(t, e.make, sc, &ledger)
				})
			}
		}
	})
	t.Run("datagrams", func(t *testing.T) {
		for _, e := range pollers {
			t.Run(e.name, func(t *testing.T) {
				t.Parallel()
				tortureDatagrams(t, e.make, &ledger)
			})
		}
	})
	for _, missing := range ledger.Missing() {
		t.Errorf("never taken: %s", missing)
	}
}

// onUnix are the scenarios that differ on a unix socket, where there is no
// linger.
func onUnix(t *testing.T) []scenario {
	var all []scenario
	for _, sc := range scenarios {
		if sc.loops == 0 && sc.limit == (engine.Limits{}) {
			sc.network, sc.path = "unix", filepath.Join(t.TempDir(), "s")
			sc.name += ", unix"
			all = append(all, sc)
		}
	}
	return all
}

func torture(t *testing.T, e func(sys.Kernel) engine.Engine, sc scenario, ledger *sim.Ledger) {
	plain := perform(e, sc, nil, ledger)
	if bad := plain.verdict(); bad != "" {
		t.Fatalf("without a fault:\n%s", bad)
	}
	if diff := cmp.Diff(sc.want, plain.ends()[:len(sc.want)]); diff != "" {
		t.Fatalf("without a fault, what the peers saw (-want +got):\n%s", diff)
	}
	for i, call := range plain.k.Trace()[:plain.faulty] {
		for _, errno := range sim.Legal(call) {
			r := perform(e, sc, sim.FailAt(i, call, errno), ledger)
			if bad := r.verdict(); bad != "" {
				t.Fatalf("call %d, %s, fails with %v (%d):\n%s", i, call, errno, errno, bad)
			}
		}
	}
}

// perform is one run: a pure function of the scenario and the script. First
// faults, and what must hold all the same; then none, and what must happen.
func perform(e func(sys.Kernel) engine.Engine, sc scenario, script []byte, ledger *sim.Ledger) *rig {
	r, err := newRig(e, sc, script, ledger)
	if err != nil {
		r.refused(err)
		return r
	}
	r.perform(sc)
	return r
}

func (r *rig) perform(sc scenario) {
	sc.play(simulated{r})
	r.safe()
	r.live()
	r.safe()
	r.bury()
}

// refused checks that a server that could not be made says which call failed
// and leaves nothing.
func (r *rig) refused(err error) {
	var errno sys.Errno
	if !errors.As(err, &errno) {
		r.problem("New failed without the errno: %v", err)
	}
	if open := r.k.Open(); len(open) > 0 {
		r.problem("New failed and left open: %v", open)
	}
	if r.budget.Memory() != 0 {
		r.problem("New failed and left %d bytes reserved", r.budget.Memory())
	}
	r.problems = append(r.problems, r.k.Violations()...)
}

// simulated is the stage on the simulated machine.
type simulated struct{ *rig }

func (s simulated) dial() actor { return puppet{s.rig, s.rig.dial()} }
func (s simulated) drain()      { s.srv.startDrain() }
func (s simulated) census()     { s.whoIsThere() }
func (s simulated) bulk() int   { return 8 * rigBuffer }

type puppet struct {
	r *rig
	p *sim.Peer
}

func (a puppet) send(n int)  { a.r.send(a.p, n) }
func (a puppet) closeWrite() { a.p.CloseWrite() }
func (a puppet) reset()      { a.p.Reset() }
func (a puppet) stall()      { a.p.Stall() }
func (a puppet) resume()     { a.p.Resume() }
