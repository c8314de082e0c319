//go:build linux

package reactor

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"echod/internal/drain"
	"echod/internal/engine"
	"echod/internal/sock"
	"echod/internal/sys"
	"echod/internal/sys/sim"
)

// pollers has a row for each engine, for tables.
var pollers = func() (all []pollerRow) {
	for i, e := range All(nil) {
		all = append(all, pollerRow{e.Name(), func(k sys.Kernel) engine.Engine { return All(k)[i] }})
	}
	return all
}()

type pollerRow struct {
	name string
	make func(sys.Kernel) engine.Engine
}

// rig is a server on a simulated machine, turned by hand: no goroutine, no
// thread, no time but the simulated one. What goes wrong is kept in problems,
// so that whoever drives it can say which script led there.
type rig struct {
	k      *sim.Kernel
	srv    *server
	budget *engine.Budget
	port   uint16
	path   string
	peers  []*sim.Peer

	asleep   bool
	faulty   int // how many calls were made before heal
	problems []string
}

const (
	// The rig's buffers are small, so that a few bytes meet every edge.
	rigBuffer = 64
	// maxRounds bounds how long anything may take to come to rest.
	maxRounds = 2000
	// A wait with a longer timeout than this is one for a peer, not for a
	// listener's rest, and the rig calls it sleep.
	longestRest = 2 * time.Second
	// After so many rests in a row a listener pauses for good: calls take next
	// to no time, so nothing else lets it pass.
	manyRests = time.Minute
)

// newRig makes a server, or tells why it could not be made.
func newRig(e func(sys.Kernel) engine.Engine, sc scenario, script []byte, ledger *sim.Ledger) (*rig, error) {
	k := sim.New(script)
	k.RecvBuffer, k.SendBuffer, k.Ledger = 3*rigBuffer/2, 2*rigBuffer, ledger
	r := &rig{k: k, path: sc.path}
	k.OnBlock = func(timeout int) sim.Wake {
		if timeout >= 0 && time.Duration(timeout)*time.Millisecond <= longestRest {
			return sim.Timeout
		}
		r.asleep = true
		return sim.Signal
	}
	cfg := sc.config()
	r.budget = cfg.Budget
	srv, err := e(k).New(cfg)
	if err != nil {
		return r, err
	}
	r.srv = srv.(*server)
	r.port = r.srv.specs[0].Addr.Port()
	return r, nil
}

func (r *rig) problem(format string, args ...any) {
	r.problems = append(r.problems, fmt.Sprintf(format, args...))
}

// turn turns every loop once and reports whether all of them had to sleep.
func (r *rig) turn() bool {
	rest := true
	for _, l := range r.srv.loops {
		if l.finished() {
			continue
		}
		r.asleep = false
		if err := l.iterate(l.pollTimeout()); err != nil {
			r.problem("the engine broke: %v", err)
			return true
		}
		rest = rest && r.asleep
	}
	return rest
}

// settle turns until nothing more happens. Twice asleep, because a loop that
// slept may have been woken by the one after it.
func (r *rig) settle() {
	end := r.k.Now() + int64(manyRests)
	for rounds, slept := 0, 0; slept < 2 && r.k.Now() < end; rounds++ {
		if rounds == maxRounds {
			r.problem("still not at rest after %d turns", maxRounds)
			return
		}
		if r.turn() {
			slept++
		} else {
			slept = 0
		}
	}
}

// wait lets d pass, in steps short enough for every timer to be looked at.
func (r *rig) wait(d time.Duration) {
	const step = 10 * time.Second
	for ; d > 0; d -= step {
		r.k.Advance(step)
		r.turn()
	}
}

func (r *rig) dial() *sim.Peer {
	var p *sim.Peer
	if r.path != "" {
		p = r.k.DialUnix(r.path)
	} else {
		p = r.k.Dial(r.port)
	}
	r.peers = append(r.peers, p)
	return p
}

// send sends n bytes that no other peer sends at that place, so that bytes lost,
// doubled or given to another are seen.
func (r *rig) send(p *sim.Peer, n int) {
	from := len(p.Sent())
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(int(p.Addr().Port())*31 + (from+i)*7 + (from+i)>>8)
	}
	p.Send(b)
}

// ends is what each peer saw, in the order of their dialling.
func (r *rig) ends() []sim.End {
	var all []sim.End
	for _, p := range r.peers {
		all = append(all, p.End())
	}
	return all
}

// safe checks what must hold at any moment, whatever fails.
func (r *rig) safe() {
	for i, p := range r.peers {
		got, want := p.Received(), p.Sent()
		if !bytes.HasPrefix(want, got) {
			r.problem("peer %d: got %q, no prefix of what it sent, %q", i, got, want)
		}
		if p.End() == sim.Clean && len(got) != len(want) {
			r.problem("peer %d: a clean end after %d of %d bytes", i, len(got), len(want))
		}
	}
	st := r.srv.Stats()
	if owed := r.owed(); st.BytesIn != st.BytesOut+st.Discarded+owed {
		r.problem("books: in %d, out %d, discarded %d, owed %d", st.BytesIn, st.BytesOut, st.Discarded, owed)
	}
	if n := sum(st.Closes[:]) + sum(st.Refused[:]) + st.Active; n != st.Accepted {
		r.problem("books: accepted %d; closed %v, refused %v, active %d",
			st.Accepted, st.Closes, st.Refused, st.Active)
	}
	r.problems = append(r.problems, r.k.Violations()...)
}

// owed is what the server itself thinks it owes to all streams together.
func (r *rig) owed() uint64 {
	var n int
	for _, l := range r.srv.loops {
		for i := range l.lists {
			for fd := l.lists[i].head; fd != none; fd = l.table.at(fd).next {
				n += l.table.at(fd).stream.Owed()
			}
		}
	}
	return uint64(n)
}

// heal ends all faults.
func (r *rig) heal() {
	r.faulty = len(r.k.Trace())
	r.k.Heal()
}

// live checks that, once faults have ended, everybody gets what is due, and a
// newcomer is served.
func (r *rig) live() {
	r.heal()
	draining := (r.srv.shutdown.Phase() != drain.Serving)
	r.finish()
	if draining {
		return
	}
	p := r.dial()
	r.send(p, 3*rigBuffer)
	p.CloseWrite()
	r.settle()
	if p.End() != sim.Clean {
		r.problem("a newcomer after the faults: end %v, received %d of %d", p.End(), len(p.Received()), len(p.Sent()))
	}
}

// finish lets every peer read, then say that it has finished, and checks that
// the server does its part of both.
func (r *rig) finish() {
	for _, p := range r.peers {
		p.Resume()
	}
	r.settle()
	crowded := len(r.peers) > r.budget.Limits().MaxConns // somebody may have to wait for a place
	for i, p := range r.peers {
		if !crowded && p.End() == sim.Going && len(p.Received()) < len(p.Sent()) {
			r.problem("peer %d reads and waits for ever: sent %d, received %d", i, len(p.Sent()), len(p.Received()))
		}
		p.CloseWrite()
	}
	r.settle()
	for i, p := range r.peers {
		if p.End() == sim.Going {
			r.problem("peer %d has finished and waits for ever: sent %d, received %d", i, len(p.Sent()), len(p.Received()))
		}
	}
}

// bury ends the server as Shutdown would and checks that nothing is left.
func (r *rig) bury() {
	r.srv.startDrain()
	for rounds := 0; !r.done() && rounds < maxRounds; rounds++ {
		r.turn()
	}
	if !r.done() {
		r.problem("the drain does not end")
	}
	r.srv.close()
	r.safe()
	if open := r.k.Open(); len(open) > 0 {
		r.problem("descriptors left open: %v", open)
	}
	st := r.srv.Stats()
	if st.Active != 0 || st.Held != 0 || r.budget.Memory() != 0 {
		r.problem("left: %d active, %d bytes held, %d reserved", st.Active, st.Held, r.budget.Memory())
	}
	if taken := r.budget.Slots.InUse(); taken != 0 {
		r.problem("%d places for connections are not given back", taken)
	}
	r.honest(st)
}

// honest checks that the server counted as finished those who saw a clean end,
// and nobody else but who left before seeing it.
func (r *rig) honest(st engine.Stats) {
	var clean, left uint64
	for _, p := range r.peers {
		switch {
		case p.End() == sim.Clean:
			clean++
		case p.Quit():
			left++
		}
	}
	// A drain on a unix socket is a clean end if nothing is owed.
	finished := st.Closes[engine.Finished]
	if r.path == "" && (finished < clean || finished > clean+left) {
		r.problem("%d are counted as finished; %d saw a clean end, %d left", finished, clean, left)
	}
}

func (r *rig) done() bool {
	for _, l := range r.srv.loops {
		if !l.finished() {
			return false
		}
	}
	return true
}

// verdict is everything that went wrong, "" if nothing did.
func (r *rig) verdict() string { return strings.Join(r.problems, "\n") }

func sum(counts []uint64) (n uint64) {
	for _, c := range counts {
		n += c
	}
	return n
}

// loopback is where rigs and real servers listen: a port of the kernel's choice.
func loopback() sock.Spec {
	host := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	return sock.Spec{Network: "tcp", Host: host.String(), Addr: netip.AddrPortFrom(host, 0)}
}
