//go:build linux

package simulation

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"echod/internal/admin"
	"echod/internal/agent"
	"echod/internal/sock"
	"echod/internal/sys/sim"
)

// program is a server that is not an echo service: the agent or the admin server. Strangers may
// call it.
type program interface {
	// serve serves until end.
	serve(ln net.Listener, log *slog.Logger) error
	end()
	// request is a request that must always be answered; answered reports whether it was.
	request() string
	answered(received string) bool
	// firstMessages returns what callers may send first. They may send anything after it.
	firstMessages() []string
	// leaks reports whether a caller that sent first must not receive that.
	leaks(first, received string) bool
	// maxConns returns how many connections it may have.
	maxConns() int
	// maxWait returns how long a request may wait because of other callers.
	maxWait() time.Duration
}

// newProgram returns the program of a plan.
func newProgram(name string) program {
	ctx, cancel := context.WithCancel(context.Background())
	if name == "agent" {
		return &theAgent{ctx: ctx, cancel: cancel}
	}
	return &theAdmin{ctx: ctx, cancel: cancel}
}

// theAgent is an agent with a token.
type theAgent struct {
	ctx    context.Context
	cancel context.CancelFunc
}

// token must be part of a request to the agent.
const token = "8c2vTz0sQ1"

const (
	runs       = 2    // the limit in its configuration
	maxPending = 1024 // its built-in limits
	closing    = 64
)

func (a *theAgent) serve(ln net.Listener, log *slog.Logger) error {
	s := agent.Server{Token: agent.NewSecret(token), Log: log,
		Limits: agent.Limits{Time: 20 * time.Second, Bytes: 2000, Runs: runs}}
	return s.Serve(a.ctx, ln)
}

func (a *theAgent) end()                     { a.cancel() }
func (a *theAgent) request() string          { return "echod-agent/1 HELLO token=" + token + "\n" }
func (a *theAgent) answered(got string) bool { return strings.HasPrefix(got, "echod-agent/1 ok {") }
func (a *theAgent) maxConns() int            { return maxPending + closing + 3*runs }
func (a *theAgent) maxWait() time.Duration   { return 0 }

func (a *theAgent) firstMessages() []string {
	return []string{
		"", "\n", "GET / HTTP/1.0\r\n\r\n", strings.Repeat("x", 2000), "echod-agent/1",
		"echod-agent/1 HELLO\n", "echod-agent/2 HELLO token=" + token + "\n", "echod-agent/1 HELLO token=wrong\n",
		"echod-agent/1 " + token + "\n", "echod-agent/1 RUN " + token + " token=" + token + "\n",
		"echod-agent/1 RUN take id=" + token + " token=" + token + "\n",
		"echod-agent/1 RUN take id=a group=g token=" + token + "\n", "echod-agent/1 RUN answer-late delay=3000 id=b token=" + token + "\n",
		"echod-agent/1 RUN fin-first id=c token=" + token + "\n", "echod-agent/1 RUN reset take=50 give=20 delay=10 id=d token=" + token + "\n",
		"echod-agent/1 REPORT id=a wait=60000 token=" + token + "\n", "echod-agent/1 REPORT id=b wait=1000 token=" + token + "\n",
		"echod-agent/1 COUNT group=g token=" + token + "\n", "echod-agent/1 HELLO tok" + token + "=1 token=" + token + "\n",
	}
}

// leaks: the token is never sent.
func (a *theAgent) leaks(_, received string) bool { return strings.Contains(received, token) }

// theAdmin is an admin server with metrics.
type theAdmin struct {
	ctx    context.Context
	cancel context.CancelFunc
}

const maxAdminConns = 64

func (a *theAdmin) serve(ln net.Listener, log *slog.Logger) error {
	s := admin.New(admin.Config{Log: log}, ln, "http://"+ln.Addr().String())
	context.AfterFunc(a.ctx, func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		s.Shutdown(ctx)
	})
	return s.Serve(admin.Handlers{
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, strings.Repeat("metric 1\n", 2000)) }),
	})
}

func (a *theAdmin) end()                     { a.cancel() }
func (a *theAdmin) request() string          { return get("/healthz", "localhost") }
func (a *theAdmin) answered(got string) bool { return strings.HasPrefix(got, "HTTP/1.1 200 OK") }

// maxConns: one more is accepted and waits.
func (a *theAdmin) maxConns() int { return maxAdminConns + 1 }

// maxWait: a slow reader has a minute, and so has the next one.
func (a *theAdmin) maxWait() time.Duration { return 3 * time.Minute }

func get(path, host string) string {
	return fmt.Sprintf("GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, host)
}

func (a *theAdmin) firstMessages() []string {
	return []string{
		"", "\n", "\x16\x03\x01\x02\x00\x01", strings.Repeat("x", 20_000), "GET / HTTP/1.1\r\nHost: local",
		get("/healthz", "localhost"), get("/metrics", "localhost"), get("/metrics", "evil.example"), get("/metrics", ""),
		strings.Repeat(get("/metrics", "127.0.0.1"), 5), "POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n",
		"POST /metrics HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nffffffffff\r\n",
		"GET /metrics HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
		"GET /" + strings.Repeat("a", 17<<10) + " HTTP/1.1\r\nHost: localhost\r\n\r\n",
	}
}

// leaks: a request with another host name gets no metrics.
func (a *theAdmin) leaks(first, received string) bool {
	return strings.Contains(first, "evil.example") && strings.Contains(received, "metric 1")
}

// programRun is a run of such a program.
type programRun struct {
	plan     plan
	m        *machine
	log      programLog
	program  program
	port     uint16
	ended    chan error
	ending   bool
	noFaults bool // nothing has failed so far
	peers    []*caller
	problems []string
}

// caller is a peer and what it sent first.
type caller struct {
	*sim.Peer
	at    time.Time
	first string
}

// drawProgram draws the steps of such a run.
func drawProgram(r *rand.Rand, p *plan) {
	for range 5 + r.IntN(30) {
		s := step{op: pick(r, dial, dial, dial, dial, dial, send, send, halfClose, closePeer, reset, stall, resume, readSome,
			pass, pass, pass, pauseFor, faultsOn, faultsOff, spuriousOn, spuriousOff, descriptors, flood, blockLog)}
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

// playProgram plays a plan and returns what went wrong.
func playProgram(t *testing.T, p plan) (problems []string) {
	synctest.Test(t, func(t *testing.T) {
		b := &programRun{plan: p, m: newMachine(), log: openLog(token), program: newProgram(p.program), noFaults: true, ended: make(chan error, 1)}
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

func (b *programRun) listen(t *testing.T) net.Listener {
	spec := sock.Spec{Network: "tcp", Host: "127.0.0.1", Addr: netip.MustParseAddrPort("127.0.0.1:0")}
	ln, bound, err := network{b.m}.Listen(spec, sock.Options{})
	if err != nil {
		t.Fatal(err)
	}
	b.port = bound.Addr.Port()
	b.m.do(func(k *sim.Kernel) { k.NotEcho(ln.(*listener).fd) })
	return ln
}

func (b *programRun) step(s step, rest []step) {
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

func (b *programRun) peerStep(k *sim.Kernel, s step) {
	switch s.op {
	case dial:
		b.dial(k, s.peer)
	case flood:
		for i := range s.n {
			b.dial(k, s.peer*(i%2)) // every second one sends nothing
		}
	case faultsOn:
		k.Choose, b.noFaults = chooser(b.plan.seed, b.plan.faults), false
	case faultsOff:
		k.Choose = nil
	case descriptors:
		k.NoFile, b.noFaults = len(k.Open())+3+s.n, false
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
	case spuriousOn, spuriousOff:
		p.SpuriousReady(pickCall(s), s.op == spuriousOn)
		b.noFaults = false
	}
}

// maxSilence is how long a caller may send nothing: the agent waits 5 s for a first line, the
// admin server for a header.
const maxSilence = 6 * time.Second

func (b *programRun) dial(k *sim.Kernel, which int) *caller {
	says := b.program.firstMessages()
	return b.call(k, says[which%len(says)])
}

func (b *programRun) call(k *sim.Kernel, first string) *caller {
	p := &caller{k.Dial(b.port), time.Now(), first}
	p.Send([]byte(first))
	b.peers = append(b.peers, p)
	return p
}

func (b *programRun) pass(d time.Duration) {
	before := b.m.waited()
	time.Sleep(d)
	synctest.Wait()
	if waits, most := b.m.waited()-before, 20_000+int(d/time.Second)*(100+20*len(b.peers)); waits > most {
		b.problem("%d waits in %v, want at most %d", waits, d, most)
	}
}

// check checks what is promised at any time at which nothing happens.
func (b *programRun) check(when string) {
	for i, p := range b.peers {
		if b.program.leaks(p.first, string(p.Received())) {
			b.problem("%s: peer %d, which sent %q first, received %q", when, i, p.first, p.Received())
		}
		silent := p.End() == sim.StillOpen && !p.Stalled() && len(p.Sent()) == 0 && b.noFaults && len(b.peers) <= maxAdminConns
		if age := time.Since(p.at); silent && age > maxSilence {
			b.problem("%s: peer %d has sent nothing for %v and is still open", when, i, age)
		}
	}
	select {
	case err := <-b.ended:
		if b.ended <- err; !b.ending {
			b.problem("%s: it has ended: %v", when, err)
		}
	default:
	}
	if open, most := len(b.m.openDescriptors()), b.program.maxConns()+1; open > most {
		b.problem("%s: %d descriptors are open, want at most %d", when, open, most)
	}
	b.problems = append(b.problems, b.log.reader.problems()...)
	b.m.do(func(k *sim.Kernel) { b.problems = append(b.problems, k.Violations()...) })
}

// finish ends all faults, checks that a request is answered, and ends the program.
func (b *programRun) finish() {
	b.m.change(func(k *sim.Kernel) {
		k.Choose, k.NoFile = nil, 20_000
		for _, p := range b.peers {
			p.SpuriousReady(sim.Recv, false)
			p.SpuriousReady(sim.Send, false)
		}
	})
	if len(b.problems) == 0 {
		if d := b.program.maxWait(); d > 0 {
			b.pass(d)
		}
		var p *caller
		b.m.change(func(k *sim.Kernel) { p = b.call(k, b.program.request()) })
		b.pass(2 * time.Second)
		if !b.program.answered(string(p.Received())) {
			b.problem("after the faults: the answer to %q is %q, and %v, after 2 s", p.first, p.Received(), p.End())
		}
		b.check("after the faults")
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
		b.problem("it has not ended within 3 s")
		return
	}
	if open := b.m.openDescriptors(); len(open) > 0 {
		b.problem("at the end, descriptors are open: %v", open)
	}
}

func (b *programRun) problem(format string, args ...any) {
	b.problems = append(b.problems, fmt.Sprintf(format, args...))
}
