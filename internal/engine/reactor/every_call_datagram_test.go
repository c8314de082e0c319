//go:build linux

package reactor

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"echod/internal/engine"
	"echod/internal/sys"
	"echod/internal/sys/sim"
)

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
