//go:build linux

package simulation

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"echod/internal/engine"
	"echod/internal/engine/gonet"
	"echod/internal/engine/reactor"
	"echod/internal/server"
	"echod/internal/sock"
	"echod/internal/sys/sim"
	"echod/internal/trace"
)

var engineNames = []string{"net", "select", "poll", "epoll"}

// newEngine returns an engine that makes its system calls on m.
func newEngine(name string, m *machine) engine.Engine {
	switch name {
	case "net":
		return gonet.On(network{m})
	case "select":
		return reactor.Select(m)
	case "poll":
		return reactor.Poll(m)
	}
	return reactor.Epoll(m)
}

// run is a running service on a machine, with its peers.
type run struct {
	plan    plan
	m       *machine
	counts  *recorder
	log     programLog
	manager *manager
	service *server.Service
	specs   map[string]sock.Spec // by network
	signals chan os.Signal
	ended   chan error

	recorder *trace.Recorder // nil if the run is not recorded

	peers        []*simPeer
	clients      []*tlsClient
	faulty       bool // calls fail at random now
	queueUnknown bool // they did when the drain began, so the length of the queue may be unknown
	shut         bool // another process has shut a listener down
	disturbed    bool // something has happened after which a connection need not be served
	stopped      time.Time
	signalled    int
	result       error
	over         bool
	delivered    map[string]int // datagrams that the service received, by source and payload
	answered     int
	problems     []string
}

// simPeer is a peer and when it connected.
type simPeer struct {
	*sim.Peer
	network  string
	at       time.Time
	lastStep time.Time // when a step last did something to it
	stalled  bool
}

// play plays a plan and returns what went wrong. Unless rec is nil, it records the run.
func play(t *testing.T, p plan, path string, rec *recorded) (problems []string) {
	defer func() {
		if v := recover(); v != nil { // synctest panics if goroutines are left
			problems = append(problems, fmt.Sprint(v))
		}
	}()
	if p.program != "service" {
		return playProgram(t, p)
	}
	synctest.Test(t, func(t *testing.T) {
		r := &run{plan: p, m: newMachine(), counts: newRecorder(), log: openLog(""), manager: &manager{gate: newGate()}, specs: make(map[string]sock.Spec),
			signals: make(chan os.Signal, 2), ended: make(chan error, 1), delivered: make(map[string]int)}
		k := r.m.k
		k.RecvBuffer, k.SendBuffer, k.PeerBuffer = p.recvBuffer, p.sendBuffer, p.peerBuffer
		k.NoTrains, k.MTU = p.noTrains, p.mtu
		r.recorder = rec.begin(r.m, p)
		if r.start(t, path) {
			for i, s := range p.steps {
				r.step(s, p.steps[i+1:])
				synctest.Wait()
				r.check(fmt.Sprintf("after step %d (%v)", i, s))
				if len(r.problems) > 0 {
					break
				}
			}
			r.finish()
		}
		r.close()
		rec.end(r)
		problems = append(r.problems, r.m.problems...)
	})
	return problems
}

// start starts the service. It returns false if the service could not start.
func (r *run) start(t *testing.T, path string) bool {
	cfg := server.Config{
		Engine: r.plan.engine, TLSEngine: "net",
		Lookup: func(name string) (engine.Engine, error) { return newEngine(name, r.m), nil },
		Settings: engine.Config{
			Loops: r.plan.loops, Buffer: r.plan.buffer, BusyPoll: r.plan.busyPoll,
			IdleTimeout: r.plan.idle, StallTimeout: r.plan.stall, Trace: r.recorder,
		},
		Limits:       engine.Limits{MaxConns: r.plan.maxConns, MaxConnsPerIP: r.plan.perAddress, MaxMemory: r.plan.maxMemory},
		DrainTimeout: r.plan.drain,
		Log:          slog.New(tee{r.counts, r.log.Logger().Handler()}),
		Notify:       r.manager.notify,
		Watchdog:     r.plan.watchdog,
		TLS:          certificate(),
	}
	if r.plan.perAddress > 0 {
		r.disturbed = true // all peers share an address
	}
	if !r.plan.hasLoops() {
		cfg.Settings.Loops, cfg.Settings.BusyPoll = 0, 0
	}
	for _, l := range []struct {
		wanted bool
		url    string
	}{{r.plan.tcp, "tcp://127.0.0.1:0"}, {r.plan.unix, "unix://" + path}, {r.plan.udp, "udp://127.0.0.1:0"}, {r.plan.tls, "tls://127.0.0.1:0"}} {
		if !l.wanted {
			continue
		}
		spec, err := sock.Parse(l.url)
		if err != nil {
			t.Fatal(err)
		}
		if spec.Network == "unix" {
			spec.Engine = r.plan.second
		}
		cfg.Listeners = append(cfg.Listeners, engine.Listener{Spec: spec})
	}
	plan, err := server.NewPlan(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if r.service, err = plan.Bind(); err != nil {
		t.Fatal(err)
	}
	for _, e := range r.service.Snapshot().Engines {
		for _, spec := range e.Listeners {
			r.specs[spec.Network] = spec
		}
	}
	if r.plan.lateManager > 0 {
		r.manager.disturb(r.plan.lateManager, false)
	}
	go func() { r.ended <- r.service.Run(context.Background(), r.signals) }()
	synctest.Wait()
	return true
}

// pass lets d pass, and checks how often the service wakes up in that time.
func (r *run) pass(d time.Duration) {
	before := r.m.waited()
	time.Sleep(d)
	synctest.Wait()
	most := 5000 + int(d/time.Second)*100
	if r.plan.udp {
		most *= 5 // a datagram socket that is ready and has nothing is tried a hundred times per second
	}
	if waits := r.m.waited() - before; waits > most && r.plan.busyPoll == 0 {
		r.problem("%d waits in %v, want at most %d", waits, d, most)
	}
	if silent := r.manager.silence(); r.plan.watchdog > 0 && d > r.plan.watchdog && r.signalled == 0 && silent > r.plan.watchdog {
		r.problem("no WATCHDOG=1 for %v, it is due every %v", silent, r.plan.watchdog)
	}
}

// terminate sends SIGTERM, once or a second time.
func (r *run) terminate() {
	if r.over || r.signalled == 2 {
		return
	}
	r.signalled++
	if r.signalled == 1 {
		r.stopped, r.queueUnknown = time.Now(), r.faulty
	}
	r.signals <- syscall.SIGTERM
	if r.signalled == 2 {
		r.pass(3 * time.Second) // one of them is for a service manager that does not read
		if r.over = r.hasEnded(); !r.over {
			r.problem("3 s after a second signal the service still runs")
		}
	}
}

// finish ends all faults, lets every peer read and half-close, and ends the service.
func (r *run) finish() {
	if len(r.problems) == 0 {
		r.m.change(func(k *sim.Kernel) { r.endFaults(k) })
		inTime := r.signalled == 1 && time.Since(r.stopped)+finishingTime < r.plan.drain
		r.finishPeers()
		r.check("after the faults")
		if inTime {
			r.checkDrained()
		}
		if r.signalled == 0 {
			r.checkLive()
			r.terminate()
		}
	}
	if r.signalled == 0 {
		r.terminate()
	}
	r.pass(r.plan.drain + 2*time.Second)
	if r.over = r.over || r.hasEnded(); !r.over {
		r.problem("the service has not ended 2 s after the drain timeout")
		return
	}
	r.check("at the end")
	r.checkEnd()
}

// close closes what is around the service.
func (r *run) close() {
	r.closeClients()
	r.manager.gate.open()
	r.problems = append(r.problems, r.log.close()...)
}

func (r *run) hasEnded() bool {
	select {
	case r.result = <-r.ended:
		return true
	default:
		return false
	}
}

func (r *run) endFaults(k *sim.Kernel) {
	r.peerStep(k, step{op: faultsOff})
	k.Fault = nil
	for _, p := range r.peers {
		p.SpuriousReady(sim.Recv, false)
		p.SpuriousReady(sim.Send, false)
	}
	k.NoFile = 1000
}

// finishingTime is how long finishPeers takes.
const finishingTime = 16 * time.Second

// finishPeers lets every peer read what it is owed and half-close.
func (r *run) finishPeers() {
	r.pass(3 * time.Second)
	r.m.change(func(*sim.Kernel) {
		for _, p := range r.peers {
			p.Resume()
			p.stalled = false
		}
	})
	r.pass(3 * time.Second)
	r.m.change(func(*sim.Kernel) {
		for _, p := range r.peers {
			p.CloseWrite()
		}
	})
	r.pass(finishingTime - 6*time.Second)
}

func (r *run) problem(format string, args ...any) {
	r.problems = append(r.problems, fmt.Sprintf(format, args...))
}
