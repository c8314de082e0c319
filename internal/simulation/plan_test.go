//go:build linux

package simulation

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"echod/internal/sys"
	"echod/internal/sys/sim"

	"golang.org/x/sys/unix"
)

// plan is everything that happens in one run. A seed decides it, and only shrink changes it.
type plan struct {
	seed    uint64
	program string // service, agent or admin
	engine  string // of a service

	// The configuration of the service.
	loops, buffer        int
	maxConns, perAddress int
	maxMemory            int64
	idle, stall, drain   time.Duration
	tcp, unix, udp, tls  bool
	second               string // the engine of the unix listener, if there are two engines
	busyPoll             time.Duration
	watchdog             time.Duration
	lateManager          time.Duration // for which the service manager blocks at first

	// The behaviour of the kernel.
	recvBuffer, sendBuffer, peerBuffer int
	noTrains                           bool // see sim.Kernel
	mtu                                int
	faults                             int  // of 1000 calls, while faults are on
	noFaults                           bool // nothing fails: each peer that makes no mistake must see a clean end

	steps []step
}

// op is what happens in a step.
type op uint8

const (
	dial op = iota
	dialUnix
	dialTLS // a peer that does not speak TLS, or stops early
	dialTLSClient
	send
	sendUrgent
	halfClose
	sendUnread // send and half-close, and read nothing
	closePeer
	reset
	stall
	resume
	readSome
	datagram
	pass     // time passes
	pauseFor // the process is stopped while the next steps happen
	faultsOn // calls fail at random from now on
	faultsOff
	spuriousOn // calls on a peer's socket fail with EAGAIN although it is ready
	spuriousOff
	descriptors
	breakCall    // one call fails with one error until all faults end
	shutListener // another process shuts the first listener down
	blockLog     // the reader of the log stops, for a time or for the rest of the run
	blockManager // the service manager stops reading, for a time or for the rest of the run
	failManager  // the service manager fails for a time
	flood        // of callers
	queryPeers   // as the page does
	sigterm
	numOps
)

var opNames = [numOps]string{
	dial: "dial", dialUnix: "dial unix", dialTLS: "dial tls, not a correct client", dialTLSClient: "dial tls",
	blockLog: "the log blocks", blockManager: "the service manager blocks", failManager: "the service manager fails",
	send: "send", sendUrgent: "send urgent", halfClose: "half-close", sendUnread: "read nothing, half-close after",
	closePeer: "close", reset: "reset", stall: "stall", resume: "resume", readSome: "read", datagram: "datagram",
	pass: "pass", pauseFor: "pause the process", faultsOn: "faults on", faultsOff: "faults off", spuriousOn: "spurious readiness on",
	spuriousOff: "spurious readiness off", breakCall: "break a call", descriptors: "limit descriptors", shutListener: "another process shuts the listener down",
	flood: "flood", queryPeers: "query the peers", sigterm: "SIGTERM",
}

// step is one thing that happens.
type step struct {
	op   op
	peer int // which one, modulo how many there are
	n    int
	d    time.Duration
}

func (s step) String() string {
	text := opNames[s.op]
	switch s.op {
	case send, sendUrgent, sendUnread, readSome:
		return fmt.Sprintf("peer %d: %s %d", s.peer, text, s.n)
	case halfClose, closePeer, reset, stall, resume, spuriousOn, spuriousOff:
		return fmt.Sprintf("peer %d: %s", s.peer, text)
	case dialTLS, dialTLSClient, flood:
		return fmt.Sprintf("%s, %d", text, s.n)
	case blockLog, blockManager:
		if s.n == 1 {
			return text + " for the rest of the run"
		}
		return fmt.Sprintf("%s for %v", text, s.d)
	case datagram:
		return fmt.Sprintf("%s from port %d, %d bytes", text, s.peer, s.n)
	case pass, pauseFor:
		return fmt.Sprintf("%s %v", text, s.d)
	case descriptors:
		return fmt.Sprintf("%s to %d more", text, s.n)
	case breakCall:
		call, errno := s.broken()
		return fmt.Sprintf("%s: %v fails with %v", text, call, errno)
	}
	return text
}

// duration returns how long a step lasts; 0: for the rest of the run.
func (s step) duration() time.Duration {
	if s.n == 1 {
		return 0
	}
	return s.d
}

func (p plan) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d: %s, %s, %d loops, buffer %d, connections %d, per address %d, memory %d, idle %v, stall %v, drain %v\n",
		p.seed, p.program, p.engine, p.loops, p.buffer, p.maxConns, p.perAddress, p.maxMemory, p.idle, p.stall, p.drain)
	fmt.Fprintf(&b, "second engine %q, busy poll %v, watchdog %v, late manager %v, tcp %t, unix %t, udp %t, tls %t; kernel buffers %d, %d, the peer's %d; no trains %t, MTU %d; %d faults in 1000 calls\n",
		p.second, p.busyPoll, p.watchdog, p.lateManager, p.tcp, p.unix, p.udp, p.tls, p.recvBuffer, p.sendBuffer, p.peerBuffer, p.noTrains, p.mtu, p.faults)
	for i, s := range p.steps {
		fmt.Fprintf(&b, "%4d  %s\n", i, s)
	}
	return b.String()
}

// hasLoops reports whether an engine of the plan has loops.
func (p plan) hasLoops() bool {
	main := (p.tcp || p.udp || p.unix && p.second == "") && p.engine != "net"
	return main || p.second != "" && p.second != "net"
}

// broken returns the call that breakCall makes fail, and its error.
func (s step) broken() (sim.Call, sys.Errno) {
	calls := []sim.Call{sim.Accept4, sim.Recvmmsg, sim.Sendmmsg, sim.EpollAdd, sim.Setsockopt}
	call := calls[s.peer%len(calls)]
	// A signal does not interrupt all calls, and package net accepts the next connection after
	// ECONNABORTED.
	legal := slices.DeleteFunc(slices.Clone(sim.Legal(call)), func(errno sys.Errno) bool {
		return errno == unix.EINTR || errno == unix.ECONNABORTED
	})
	return call, legal[s.n%len(legal)]
}

// pick returns one of several values.
func pick[T any](r *rand.Rand, values ...T) T { return values[r.IntN(len(values))] }

// draw returns the plan of a seed.
func draw(seed uint64) plan {
	r := rand.New(rand.NewPCG(seed, 0))
	p := plan{
		seed:       seed,
		engine:     pick(r, engineNames...),
		loops:      1 + r.IntN(3),
		buffer:     pick(r, 64, 200, 4096, 64<<10),
		maxConns:   pick(r, 100, 100, 1, 2, 5),
		perAddress: pick(r, 0, 0, 0, 1, 2),
		idle:       pick(r, 0, 0, 20*time.Second, time.Minute),
		stall:      pick(r, -1, 5*time.Minute, 2*time.Second),
		drain:      pick(r, time.Second, 30*time.Second),
		recvBuffer: pick(r, 96, 1000, 5000),
		sendBuffer: pick(r, 128, 1000, 5000),
		peerBuffer: pick(r, 0, 100),
		faults:     pick(r, 10, 50, 200),
	}
	p.watchdog = pick(r, 0, 0, 20*time.Second)
	p.program = pick(r, "service", "service", "service", "service", "service", "service", "service", "agent", "admin")
	if p.program != "service" {
		drawProgram(r, &p)
		return p
	}
	p.maxMemory = pick(r, 1<<20, int64(p.buffer), int64(2*p.buffer+1))
	if r.IntN(20) == 0 {
		p.busyPoll = 20 * time.Microsecond
	}
	switch r.IntN(6) {
	case 0:
		p.unix = true
		if r.IntN(2) == 0 {
			p.tcp, p.second = true, pick(r, engineNames...)
		}
	case 1:
		p.udp = true
		p.noTrains, p.mtu = seed%4 == 0, int(seed%3)*60
	case 2:
		p.tcp, p.udp = true, true
	default:
		p.tcp = true
	}
	p.lateManager = pick(r, 0, 0, 0, 0, 0, 0, time.Second, time.Minute)
	p.tls = r.IntN(10) == 0
	if p.noFaults = r.IntN(4) == 0; p.noFaults {
		p.stall, p.idle, p.perAddress = -1, 0, 0
	}
	for range 5 + r.IntN(40) {
		p.steps = append(p.steps, drawStep(r, p))
	}
	return p
}

// drawStep draws one step. Frequent actions of peers are drawn more often.
func drawStep(r *rand.Rand, p plan) step {
	s := step{op: pick(r,
		dial, dial, dial, send, send, send, send, sendUrgent, sendUnread, halfClose, closePeer, reset, stall, stall, resume,
		readSome, pass, pass, pauseFor, faultsOn, faultsOff, spuriousOn, spuriousOff, descriptors, sigterm, datagram, datagram,
		queryPeers, shutListener, breakCall, blockLog, blockManager, failManager)}
	if s.op == shutListener && r.IntN(10) > 0 {
		s.op = queryPeers
	}
	if p.noFaults && slices.Contains([]op{faultsOn, spuriousOn, spuriousOff, descriptors, shutListener}, s.op) {
		s.op = pass
	}
	if s.op == sigterm && r.IntN(3) > 0 {
		s.op = pass
	}
	if s.op == dial && p.unix && (!p.tcp || r.IntN(2) == 0) {
		s.op = dialUnix
	}
	if s.op == dial && p.tls && r.IntN(2) == 0 {
		s.op = pick(r, dialTLS, dialTLSClient)
	}
	if s.op == datagram && !p.udp || s.op == dial && !p.tcp {
		s.op = send
	}
	s.peer = r.IntN(8)
	s.n = pick(r, 1, 2+r.IntN(100), 1+r.IntN(3000))
	s.d = pick(r, time.Millisecond, 30*time.Millisecond, time.Second, 10*time.Second, 10*time.Minute)
	switch s.op {
	case datagram:
		s.peer = pick(r, 0, 7, 53, 1023, 1024, 5000, 50001)
		s.n = pick(r, 0, 1, 500, 65507)
	case descriptors:
		s.n = r.IntN(4)
	}
	return s
}

// shrink returns the smallest plan that it finds which still fails.
func shrink(p plan, fails func(plan) bool) plan {
	for size := max(len(p.steps)/2, 1); size >= 1; size /= 2 {
		for at := 0; at+size <= len(p.steps); {
			shorter := p
			shorter.steps = slices.Delete(slices.Clone(p.steps), at, at+size)
			if fails(shorter) {
				p = shorter
			} else {
				at += size
			}
		}
	}
	for _, simpler := range []func(*plan){
		func(p *plan) { p.loops = 1 },
		func(p *plan) { p.second = "" },
		func(p *plan) { p.busyPoll = 0 },
		func(p *plan) { p.watchdog = 0 },
		func(p *plan) { p.lateManager = 0 },
		func(p *plan) { p.tls = false },
		func(p *plan) { p.perAddress = 0 },
		func(p *plan) { p.maxMemory = 1 << 20 },
		func(p *plan) { p.maxConns = 100 },
		func(p *plan) { p.idle = 0 },
		func(p *plan) { p.buffer = 4096 },
		func(p *plan) { p.recvBuffer, p.sendBuffer = 5000, 5000 },
	} {
		easier := p
		simpler(&easier)
		if fails(easier) {
			p = easier
		}
	}
	return p
}

// chooser decides what happens to each call while faults are on: of 1000 calls, some fail with
// a legal error, and as many are short.
func chooser(seed uint64, faults int) func(sim.Call) byte {
	r := rand.New(rand.NewPCG(seed, 1))
	return func(call sim.Call) byte {
		switch chance := r.IntN(1000); {
		case chance < faults:
			if legal := sim.Legal(call); len(legal) > 0 {
				return sim.Fail(call, legal[r.IntN(len(legal))])
			}
		case chance < 2*faults:
			return sim.Short(1 + r.IntN(64))
		}
		return 0
	}
}
