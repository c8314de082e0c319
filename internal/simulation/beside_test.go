//go:build linux

package simulation

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"echod/internal/sock"
	"echod/internal/sys/sim"
)

// beside is a run of a program that listens beside a service.
type beside struct {
	plan     plan
	m        *machine
	log      programLog
	program  program
	port     uint16
	ended    chan error
	ending   bool
	calm     bool // nothing has failed
	peers    []*stranger
	problems []string
}

// stranger is a peer and what it said first.
type stranger struct {
	*sim.Peer
	at    time.Time
	first string
}

// drawBeside draws the steps of such a run.
func drawBeside(r *rand.Rand, p *plan) {
	for range 5 + r.IntN(30) {
		s := step{op: pick(r, dial, dial, dial, dial, dial, send, send, halfClose, closePeer, reset, stall, resume, readSome,
			pass, pass, pass, pauseFor, faultsOn, faultsOff, starve, feed, descriptors, flood, blockLog)}
		s.peer = r.IntN(100)
		s.n = pick(r, 1, 2+r.IntN(100), 1+r.IntN(3000))
		s.d = pick(r, time.Millisecond, 30*time.Millisecond, time.Second, 4*time.Second, 10*time.Second, time.Minute)
		switch s.op {
		case descriptors:
			s.n = r.IntN(4)
		case flood:
			s.n = pick(r, 5, 20, 80)
			if p.program == "agent" && r.IntN(50) == 0 {
				s.n = 1200
			}
		}
		p.steps = append(p.steps, s)
	}
}

// playBeside runs a plan from start to end and returns what went wrong.
func playBeside(t *testing.T, p plan) (problems []string) {
	synctest.Test(t, func(t *testing.T) {
		b := &beside{plan: p, m: newMachine(), log: openLog(token), program: newProgram(p.program), calm: true, ended: make(chan error, 1)}
		k := b.m.k
		k.RecvBuffer, k.SendBuffer, k.PeerBuffer = p.recvBuffer, p.sendBuffer, p.peerBuffer
		ln := b.listen(t)
		go func() { b.ended <- b.program.serve(ln, slog.New(b.log.Logger().Handler())) }()
		synctest.Wait()
		for i, s := range p.steps {
			b.step(s, p.steps[i+1:])
			synctest.Wait()
			b.check(fmt.Sprintf("after step %d (%v)", i, s))
			if len(b.problems) > 0 {
				break
			}
		}
		b.finish()
		problems = append(append(b.problems, b.log.close()...), b.m.problems...)
	})
	return problems
}

func (b *beside) listen(t *testing.T) net.Listener {
	spec := sock.Spec{Network: "tcp", Host: "127.0.0.1", Addr: netip.MustParseAddrPort("127.0.0.1:0")}
	ln, bound, err := network{b.m}.Listen(spec, sock.Options{})
	if err != nil {
		t.Fatal(err)
	}
	b.port = bound.Addr.Port()
	b.m.do(func(k *sim.Kernel) { k.NotEcho(ln.(*listener).fd) })
	return ln
}

func (b *beside) step(s step, rest []step) {
	switch s.op {
	case pass:
		b.pass(s.d)
	case blockLog:
		b.log.reader.gate.block(s.duration())
	case pauseFor:
		b.m.change(func(k *sim.Kernel) {
			for _, s := range rest[:min(3, len(rest))] {
				b.peerStep(k, s)
			}
		})
	default:
		b.m.change(func(k *sim.Kernel) { b.peerStep(k, s) })
	}
}

func (b *beside) peerStep(k *sim.Kernel, s step) {
	switch s.op {
	case dial:
		b.dial(k, s.peer)
	case flood:
		for i := range s.n {
			b.dial(k, s.peer*(i%2)) // every second one is silent
		}
	case faultsOn:
		k.Choose, b.calm = chooser(b.plan.seed, b.plan.faults), false
	case faultsOff:
		k.Choose = nil
	case descriptors:
		k.NoFile, b.calm = len(k.Open())+3+s.n, false
	}
	if len(b.peers) == 0 {
		return
	}
	p := b.peers[s.peer%len(b.peers)].Peer
	switch s.op {
	case send:
		p.Send(make([]byte, min(s.n, maxSent)))
	case halfClose:
		p.CloseWrite()
	case closePeer:
		p.Close()
	case reset:
		p.Reset()
	case stall:
		p.Stall()
	case resume:
		p.Resume()
	case readSome:
		p.Read(s.n)
	case starve, feed:
		p.SpuriousReady(pickCall(s), s.op == starve)
		b.calm = false
	}
}

// maxSilence is how long a stranger may say nothing: the agent and the admin server give
// 5 s for a first line and for a header.
const maxSilence = 6 * time.Second

func (b *beside) dial(k *sim.Kernel, which int) *stranger {
	says := b.program.says()
	return b.call(k, says[which%len(says)])
}

func (b *beside) call(k *sim.Kernel, first string) *stranger {
	p := &stranger{k.Dial(b.port), time.Now(), first}
	p.Send([]byte(first))
	b.peers = append(b.peers, p)
	return p
}

func (b *beside) pass(d time.Duration) {
	before := b.m.waited()
	time.Sleep(d)
	synctest.Wait()
	if waits, most := b.m.waited()-before, 20_000+int(d/time.Second)*(100+20*len(b.peers)); waits > most {
		b.problem("%d waits in %v, want at most %d", waits, d, most)
	}
}

// check holds what is promised at any moment at which nothing happens.
func (b *beside) check(when string) {
	for i, p := range b.peers {
		if b.program.leaks(p.first, string(p.Received())) {
			b.problem("%s: peer %d, who said %q first, was sent %q", when, i, p.first, p.Received())
		}
		silent := p.End() == sim.StillOpen && !p.Stalled() && len(p.Sent()) == 0 && b.calm && len(b.peers) <= maxAdminConns
		if age := time.Since(p.at); silent && age > maxSilence {
			b.problem("%s: peer %d has said nothing for %v and is still there", when, i, age)
		}
	}
	select {
	case err := <-b.ended:
		if b.ended <- err; !b.ending {
			b.problem("%s: it has ended: %v", when, err)
		}
	default:
	}
	if open, most := len(b.m.left()), b.program.most()+1; open > most {
		b.problem("%s: %d descriptors are open, want at most %d", when, open, most)
	}
	b.problems = append(b.problems, b.log.reader.problems()...)
	b.m.do(func(k *sim.Kernel) { b.problems = append(b.problems, k.Violations()...) })
}

// finish ends all faults, wants a request to be answered, and ends the program.
func (b *beside) finish() {
	b.m.change(func(k *sim.Kernel) {
		k.Choose, k.NoFile = nil, 20_000
		for _, p := range b.peers {
			p.SpuriousReady(sim.Recv, false)
			p.SpuriousReady(sim.Send, false)
		}
	})
	if len(b.problems) == 0 {
		if d := b.program.longest(); d > 0 {
			b.pass(d)
		}
		var p *stranger
		b.m.change(func(k *sim.Kernel) { p = b.call(k, b.program.request()) })
		b.pass(2 * time.Second)
		if !b.program.answered(string(p.Received())) {
			b.problem("once errors have stopped: %q has %q and %v for an answer after 2 s", p.first, p.Received(), p.End())
		}
		b.check("once errors have stopped")
	}
	b.ending = true
	b.program.end()
	b.pass(3 * time.Second)
	select {
	case err := <-b.ended:
		if err != nil {
			b.problem("it ended with %v", err)
		}
	default:
		b.problem("it has not ended 3 s after it was told to")
		return
	}
	if open := b.m.left(); len(open) > 0 {
		b.problem("at the end, descriptors are open: %v", open)
	}
}

func (b *beside) problem(format string, args ...any) {
	b.problems = append(b.problems, fmt.Sprintf(format, args...))
}
