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

// pollers are the three engines, for tables.
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

// rig is a server on a simulated kernel. The test calls its loops: there is no goroutine,
// no thread and no real time. Failures are collected in problems, so that a test can report
// them together with its script.
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
	// The buffers are small, so that a few bytes fill them.
	rigBuffer = 64
	// maxRounds is how many iterations anything may take.
	maxRounds = 2000
	// A wait with a longer timeout than this waits for a peer. A shorter one may be
	// the pause of a listener.
	longestPause = 2 * time.Second
	// A listener that pauses again and again for this long will not stop. Calls take
	// very little simulated time, so only pauses let it pass.
	pauseTime = time.Minute
)

// newRig makes a server, or returns why it could not be made.
func newRig(e func(sys.Kernel) engine.Engine, sc scenario, script []byte, coverage *sim.Coverage) (*rig, error) {
	k := sim.New(script)
	k.RecvBuffer, k.SendBuffer, k.Coverage = 3*rigBuffer/2, 2*rigBuffer, coverage
	r := &rig{k: k, path: sc.path}
	k.OnBlock = func(timeout time.Duration) sim.Wake {
		if timeout >= 0 && timeout <= longestPause {
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

// iterate runs one iteration of every loop and reports whether all of them slept.
func (r *rig) iterate() bool {
	asleep := true
	for _, l := range r.srv.loops {
		if l.finished() {
			continue
		}
		r.asleep = false
		if err := l.iterate(l.pollTimeout()); err != nil {
			r.problem("the engine failed: %v", err)
			return true
		}
		asleep = asleep && r.asleep
	}
	return asleep
}

// runUntilIdle iterates until all loops have slept twice in a row. Once is not enough: a
// loop that slept may have been woken by the loop after it.
func (r *rig) runUntilIdle() {
	end := r.k.Now() + int64(pauseTime)
	for rounds, slept := 0, 0; slept < 2 && r.k.Now() < end; rounds++ {
		if rounds == maxRounds {
			r.problem("still not idle after %d iterations", maxRounds)
			return
		}
		if r.iterate() {
			slept++
		} else {
			slept = 0
		}
	}
}

// wait lets d pass, in steps that are short enough for every timer.
func (r *rig) wait(d time.Duration) {
	const step = 10 * time.Second
	for ; d > 0; d -= step {
		r.k.Advance(step)
		r.iterate()
	}
}

func (r *rig) dial() *sim.Peer {
	if r.srv.specs[0].Network == "unix" {
		return r.dialUnix()
	}
	return r.add(r.k.Dial(r.port))
}

func (r *rig) dialUnix() *sim.Peer { return r.add(r.k.DialUnix(r.path)) }

func (r *rig) add(p *sim.Peer) *sim.Peer {
	r.peers = append(r.peers, p)
	return p
}

// send sends n bytes that depend on the peer and the position, so that lost, repeated and
// misdirected bytes are noticed.
func (r *rig) send(p *sim.Peer, n int) {
	from := len(p.Sent())
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(int(p.Addr().Port())*31 + (from+i)*7 + (from+i)>>8)
	}
	p.Send(b)
}

// ends returns what end each peer saw, in the order of their connections.
func (r *rig) ends() []sim.End {
	var all []sim.End
	for _, p := range r.peers {
		all = append(all, p.End())
	}
	return all
}

// checkSafety checks what must be true at any moment, whatever fails.
func (r *rig) checkSafety() {
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
		r.problem("counters: in %d, out %d, discarded %d, owed %d", st.BytesIn, st.BytesOut, st.Discarded, owed)
	}
	if n := sum(st.Closes[:]) + sum(st.Refused[:]) + st.Active; n != st.Accepted {
		r.problem("counters: accepted %d; closed %v, refused %v, active %d",
			st.Accepted, st.Closes, st.Refused, st.Active)
	}
	r.problems = append(r.problems, r.k.Violations()...)
}

// owed returns the owed bytes of all streams, by the counters of the streams.
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
	r.k.EndFaults()
}

// checkLiveness ends all faults. It checks that every peer then receives what it is owed,
// and that a new connection is served.
func (r *rig) checkLiveness() {
	r.heal()
	draining := (r.srv.shutdown.Phase() != drain.Serving)
	r.finish()
	if draining {
		return
	}
	p := r.dial()
	r.send(p, 3*rigBuffer)
	p.CloseWrite()
	r.runUntilIdle()
	if p.End() != sim.Clean {
		r.problem("a new connection after the faults: end %v, received %d of %d", p.End(), len(p.Received()), len(p.Sent()))
	}
}

// finish has every peer read, and then half-close. It checks that the server sends
// everything and closes.
func (r *rig) finish() {
	for _, p := range r.peers {
		p.Resume()
	}
	r.runUntilIdle()
	overLimit := len(r.peers) > r.budget.Limits().MaxConns // a peer may have to wait for a slot
	for i, p := range r.peers {
		if !overLimit && p.End() == sim.StillOpen && len(p.Received()) < len(p.Sent()) {
			r.problem("peer %d reads and does not receive everything: sent %d, received %d", i, len(p.Sent()), len(p.Received()))
		}
		p.CloseWrite()
	}
	r.runUntilIdle()
	for i, p := range r.peers {
		if p.End() == sim.StillOpen {
			r.problem("peer %d has finished and sees no end: sent %d, received %d", i, len(p.Sent()), len(p.Received()))
		}
	}
}

// shutDown ends the server as Shutdown does, and checks that nothing is left.
func (r *rig) shutDown() {
	r.srv.startDrain()
	for rounds := 0; !r.done() && rounds < maxRounds; rounds++ {
		r.iterate()
	}
	if !r.done() {
		r.problem("the drain does not end")
	}
	r.srv.close()
	r.checkSafety()
	if open := r.k.Open(); len(open) > 0 {
		r.problem("descriptors left open: %v", open)
	}
	st := r.srv.Stats()
	if st.Active != 0 || st.Held != 0 || r.budget.Memory() != 0 {
		r.problem("left: %d active, %d bytes held, %d reserved", st.Active, st.Held, r.budget.Memory())
	}
	if n := r.budget.Slots.InUse(); n != 0 {
		r.problem("%d slots are still in use", n)
	}
	r.checkHonesty(st)
}

// checkHonesty checks that the server counted as finished the peers that saw a clean end,
// and no others except those that left before they could see it.
func (r *rig) checkHonesty(st engine.Stats) {
	var clean, left uint64
	for _, p := range r.peers {
		switch {
		case p.End() == sim.Clean:
			clean++
		case p.EndedItself():
			left++
		}
	}
	// On a unix socket a drain is a clean end if nothing is owed.
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

// failures returns everything that went wrong, "" if nothing did.
func (r *rig) failures() string { return strings.Join(r.problems, "\n") }

func sum(counts []uint64) (n uint64) {
	for _, c := range counts {
		n += c
	}
	return n
}

// loopback returns the address that servers of these tests listen on: any free port.
func loopback() sock.Spec {
	host := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	return sock.Spec{Network: "tcp", Host: host.String(), Addr: netip.AddrPortFrom(host, 0)}
}
