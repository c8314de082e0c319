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

// caller is who asks in the tests of datagrams.
var caller = netip.MustParseAddrPort("127.0.0.1:40000")

// tortureDatagrams fails every call once, as torture does. What is promised of
// datagrams is less: each answer equals one that came, and whatever is not
// answered is counted.
func tortureDatagrams(t *testing.T, e func(sys.Kernel) engine.Engine, ledger *sim.Ledger) {
	plain := performDatagrams(e, nil, ledger)
	if bad := plain.verdict(); bad != "" {
		t.Fatalf("without a fault:\n%s", bad)
	}
	for i, call := range plain.k.Trace()[:plain.faulty] {
		for _, errno := range sim.Legal(call) {
			if bad := performDatagrams(e, sim.FailAt(i, call, errno), ledger).verdict(); bad != "" {
				t.Fatalf("call %d, %s, fails with %v (%d):\n%s", i, call, errno, errno, bad)
			}
		}
		short := append(make([]byte, i), sim.Short(1))
		if bad := performDatagrams(e, short, ledger).verdict(); bad != "" {
			t.Fatalf("call %d, %s, moves one:\n%s", i, call, bad)
		}
	}
}

// performDatagrams is one run: some datagrams under faults, one without.
func performDatagrams(e func(sys.Kernel) engine.Engine, script []byte, ledger *sim.Ledger) *rig {
	r, err := newRig(e, scenario{network: "udp"}, script, ledger)
	if err != nil {
		r.refused(err)
		return r
	}
	sent := r.ask(0, 1, 5, 100)
	r.settle()
	sent = append(sent, r.ask(7)...)
	r.settle()
	r.answered(sent)
	r.heal()
	again := r.ask(9)
	r.settle()
	if n := r.answered(again); n != 1 {
		r.problem("a datagram after the faults: %d answers", n)
	}
	r.bury()
	return r
}

// ask delivers a datagram of each size.
func (r *rig) ask(sizes ...int) []sim.Datagram {
	var all []sim.Datagram
	for _, size := range sizes {
		d := sim.Datagram{
			From:    caller,
			To:      netip.AddrPortFrom(netip.MustParseAddr("127.0.0.2"), r.port),
			Payload: []byte(fmt.Sprintf("%0*d", size, size))[:size],
		}
		r.k.Deliver(d)
		all = append(all, d)
	}
	return all
}

// answered checks that every answer belongs to one of sent, and to no more than
// one, and that the books say where the others are. It returns how many came.
func (r *rig) answered(sent []sim.Datagram) int {
	answers := r.k.Answers(r.port)
	for _, a := range answers {
		i := slices.IndexFunc(sent, func(d sim.Datagram) bool {
			return d.From == a.To && d.To == a.From && string(d.Payload) == string(a.Payload)
		})
		if i < 0 {
			r.problem("an answer to nothing: %v", a)
			continue
		}
		sent = slices.Delete(slices.Clone(sent), i, i+1)
	}
	st := r.srv.Stats()
	if st.DatagramsIn != st.DatagramsOut+sum(st.Drops[:]) {
		r.problem("books: %d datagrams in, %d out, drops %v", st.DatagramsIn, st.DatagramsOut, st.Drops)
	}
	return len(answers)
}
