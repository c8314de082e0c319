//go:build linux

package reactor

import (
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"echod/internal/engine"
	"echod/internal/sys"
	"echod/internal/sys/sim"
)

// TestEveryCallFailsOnce runs every scenario without a fault, and then once for each call
// that it made and each errno that the call may return. Whatever fails, no peer sees a
// false end, and every peer is served when nothing fails any more.
//
// The coverage checks the test: it is a failure if an errno is legal for a call that the
// reactor makes and was never returned.
func TestEveryCallFailsOnce(t *testing.T) {
	var coverage sim.Coverage
	t.Run("streams", func(t *testing.T) {
		for _, e := range pollers {
			for _, sc := range append(scenarios, onUnix(t)...) {
				t.Run(e.name+"/"+sc.name, func(t *testing.T) {
					t.Parallel()
					failEveryCall(t, e.make, sc, &coverage)
				})
			}
		}
	})
	t.Run("datagrams", func(t *testing.T) {
		for _, e := range pollers {
			t.Run(e.name, func(t *testing.T) {
				t.Parallel()
				failEveryDatagramCall(t, e.make, &coverage)
			})
		}
	})
	for _, missing := range coverage.Missing() {
		t.Errorf("never returned: %s", missing)
	}
}

// onUnix returns the scenarios again, for a unix socket: SO_LINGER has no effect there.
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

func failEveryCall(t *testing.T, e func(sys.Kernel) engine.Engine, sc scenario, coverage *sim.Coverage) {
	plain := runScenario(e, sc, nil, coverage)
	if bad := plain.failures(); bad != "" {
		t.Fatalf("without a fault:\n%s", bad)
	}
	if diff := cmp.Diff(sc.want, plain.ends()[:len(sc.want)]); diff != "" {
		t.Fatalf("without a fault, what the peers saw (-want +got):\n%s", diff)
	}
	for i, call := range plain.k.Trace()[:plain.faulty] {
		for _, errno := range sim.Legal(call) {
			r := runScenario(e, sc, sim.FailAt(i, call, errno), coverage)
			if bad := r.failures(); bad != "" {
				t.Fatalf("call %d, %s, fails with %v (%d):\n%s", i, call, errno, errno, bad)
			}
		}
	}
}

// runScenario runs one scenario with one script. It checks safety under faults, and then
// liveness without faults. Its result depends on nothing else.
func runScenario(e func(sys.Kernel) engine.Engine, sc scenario, script []byte, coverage *sim.Coverage) *rig {
	r, err := newRig(e, sc, script, coverage)
	if err != nil {
		r.checkRefusal(err)
		return r
	}
	r.run(sc)
	return r
}

func (r *rig) run(sc scenario) {
	sc.steps(simulatedEnvironment{r})
	r.checkSafety()
	r.checkLiveness()
	r.checkSafety()
	r.shutDown()
}

// checkRefusal checks that a failed New returns the errno and leaves nothing behind.
func (r *rig) checkRefusal(err error) {
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

// simulatedEnvironment is the environment on the simulated kernel.
type simulatedEnvironment struct{ *rig }

func (s simulatedEnvironment) dial() peer { return simulatedPeer{s.rig, s.rig.dial()} }
func (s simulatedEnvironment) drain()     { s.srv.startDrain() }
func (s simulatedEnvironment) listPeers() { s.topPeers() }
func (s simulatedEnvironment) bulk() int  { return 8 * rigBuffer }

type simulatedPeer struct {
	r *rig
	p *sim.Peer
}

func (s simulatedPeer) send(n int)  { s.r.send(s.p, n) }
func (s simulatedPeer) closeWrite() { s.p.CloseWrite() }
func (s simulatedPeer) reset()      { s.p.Reset() }
func (s simulatedPeer) stall()      { s.p.Stall() }
func (s simulatedPeer) resume()     { s.p.Resume() }

// client is the source of the datagrams.
var client = netip.MustParseAddrPort("127.0.0.1:40000")

// failEveryDatagramCall makes every call fail once, as failEveryCall does. Less is promised
// for datagrams: each answer equals a datagram that was sent, and every datagram that is not
// answered is counted.
func failEveryDatagramCall(t *testing.T, e func(sys.Kernel) engine.Engine, coverage *sim.Coverage) {
	plain := runDatagrams(e, nil, coverage)
	if bad := plain.failures(); bad != "" {
		t.Fatalf("without a fault:\n%s", bad)
	}
	for i, call := range plain.k.Trace()[:plain.faulty] {
		for _, errno := range sim.Legal(call) {
			if bad := runDatagrams(e, sim.FailAt(i, call, errno), coverage).failures(); bad != "" {
				t.Fatalf("call %d, %s, fails with %v (%d):\n%s", i, call, errno, errno, bad)
			}
		}
		short := append(make([]byte, i), sim.Short(1))
		if bad := runDatagrams(e, short, coverage).failures(); bad != "" {
			t.Fatalf("call %d, %s, moves one datagram:\n%s", i, call, bad)
		}
	}
}

// runDatagrams sends some datagrams under faults, and one without.
func runDatagrams(e func(sys.Kernel) engine.Engine, script []byte, coverage *sim.Coverage) *rig {
	r, err := newRig(e, scenario{network: "udp"}, script, coverage)
	if err != nil {
		r.checkRefusal(err)
		return r
	}
	sent := r.sendDatagrams(0, 1, 5, 100)
	r.runUntilIdle()
	sent = append(sent, r.sendDatagrams(7)...)
	r.runUntilIdle()
	r.countAnswers(sent)
	r.heal()
	again := r.sendDatagrams(9)
	r.runUntilIdle()
	if n := r.countAnswers(again); n != 1 {
		r.problem("a datagram after the faults: %d answers", n)
	}
	r.shutDown()
	return r
}

// sendDatagrams delivers a datagram of each size.
func (r *rig) sendDatagrams(sizes ...int) []sim.Datagram {
	var all []sim.Datagram
	for _, size := range sizes {
		d := sim.Datagram{
			From:    client,
			To:      netip.AddrPortFrom(netip.MustParseAddr("127.0.0.2"), r.port),
			Payload: []byte(fmt.Sprintf("%0*d", size, size))[:size],
		}
		r.k.Deliver(d)
		all = append(all, d)
	}
	return all
}

// countAnswers checks that each answer belongs to exactly one of sent, and that the others
// are counted. It returns the number of answers.
func (r *rig) countAnswers(sent []sim.Datagram) int {
	answers := r.k.Answers(r.port)
	for _, a := range answers {
		i := slices.IndexFunc(sent, func(d sim.Datagram) bool {
			return d.From == a.To && d.To == a.From && string(d.Payload) == string(a.Payload)
		})
		if i < 0 {
			r.problem("an answer to no datagram: %v", a)
			continue
		}
		sent = slices.Delete(slices.Clone(sent), i, i+1)
	}
	st := r.srv.Stats()
	if st.DatagramsIn != st.DatagramsOut+sum(st.Drops[:]) {
		r.problem("counters: %d datagrams in, %d out, drops %v", st.DatagramsIn, st.DatagramsOut, st.Drops)
	}
	return len(answers)
}
