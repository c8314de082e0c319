package enginetest

import (
	"bytes"
	"net"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"echod/internal/accept"
	"echod/internal/engine"
)

// killCases kill the server, in a process of its own.
var killCases = []testCase{
	{
		name:    "SIGKILL with owed bytes ends in a reset",
		promise: "S2: after SIGKILL no client gets a clean end of file before all its bytes",
		on:      "tcp unix",
		run: func(t trial) {
			killWithOwedBytes(t, func(c *child) { c.signal(syscall.SIGKILL) })
		},
	},
	{
		name:    "a panic with owed bytes ends in a reset",
		promise: "S2: after a panic no client gets a clean end of file before all its bytes",
		on:      "tcp unix",
		run: func(t trial) {
			killWithOwedBytes(t, func(c *child) { c.send(childPanic) })
		},
	},
}

// killWithOwedBytes ends a server that has streams in every state.
//
// On a unix socket the kernel gives ECONNRESET only to the peer of a socket that
// had unread bytes, so the clients here have sent more than the server takes.
func killWithOwedBytes(t trial, die func(*child)) {
	c := t.spawn(childConfig{})
	stats := func() engine.Stats { return c.command(childStats).Stats }

	owed := t.dialOwed(c, stats)
	stalled := t.dialNarrow(c)
	stalled.flood(64 << 20)
	partly := t.dial(c)
	partly.flood(64 << 20)
	partly.receive(1 << 20)
	finished := t.dialNarrow(c)
	finished.fill(stats)
	finished.halfClose()
	quiet := t.dial(c)
	quiet.echo(100)
	atEnd := t.dialNarrow(c)
	atEnd.send(12 << 10)
	atEnd.halfClose()

	c.waitFor("one stream has sent everything, five are owed or wait", func(st engine.Stats) bool {
		return st.Closes[engine.Finished]+st.Finishing == 1 && st.Active-st.Finishing == 5
	})
	t.waitQuiet(stats)
	die(c)

	stalled.writing.Wait()
	stalled.wantReset()
	owed.wantHonest()
	partly.wantReset()
	finished.wantReset()
	if t.network == "tcp" {
		quiet.wantReset()
	} else {
		quiet.wantWhole() // no bytes are unread or owed
	}
	atEnd.wantWhole()
}

// shortageCases test a server without free descriptors or with a full accept queue, in a
// process of its own.
var shortageCases = []testCase{
	{
		name:    "after EMFILE the listener pauses and recovers",
		promise: "P1, P2: the listener pauses and does not spin; open streams go on; connections in the queue are served when descriptors are free",
		run:     outOfDescriptors,
	},
	{
		name:    "without descriptors and with an empty queue nothing spins",
		promise: "P2: without free descriptors the process uses at most 10 % of a core",
		run:     emptyQueue,
	},
	{
		name:    "after the accept queue has overflowed every client is served",
		promise: "P1, S4: every client is served in the end",
		run:     backlogOverflow,
	},
}

// watch is how long wantNoSpin watches. A tenth of it would show a busy loop.
const watch = time.Second

func outOfDescriptors(t trial) {
	const limit, clients = 64, 150
	c := t.spawn(childConfig{NoFile: limit})
	peers := make([]*peer, clients)
	for i := range peers {
		peers[i] = t.dial(c)
		peers[i].send(10)
	}
	short := c.waitFor("accept runs out of descriptors", func(st engine.Stats) bool {
		return st.Accepts[accept.NoDescriptors] > 0
	})
	inside := peers[:short.Stats.Active] // the queue is served in order
	if len(inside) == 0 || len(inside) >= limit {
		t.Fatalf("streams open: got %d, want some and fewer than the %d descriptors", len(inside), limit)
	}
	for _, p := range inside {
		p.receive(10)
		p.echo(100)
	}
	c.wantNoSpin(10)

	for _, p := range inside {
		p.halfClose()
		p.wantWhole()
	}
	for _, p := range peers[len(inside):] {
		p.receive(10)
		p.halfClose()
		p.wantWhole()
	}
}

func emptyQueue(t trial) {
	c := t.spawn(childConfig{NoFile: 64})
	early := t.dial(c)
	early.echo(10)
	c.command(childExhaust)
	c.wantNoSpin(0)
	late := t.dial(c)
	late.send(10)
	c.waitFor("accept runs out of descriptors", func(st engine.Stats) bool {
		return st.Accepts[accept.NoDescriptors] > 0
	})
	early.echo(10)
	c.command(childRelieve)
	late.receive(10)
}

// wantNoSpin watches the child for a while. It fails the trial if accept failed more often
// than failures, or if the child used more than a tenth of a core.
func (c *child) wantNoSpin(failures uint64) {
	c.t.Helper()
	before, began := c.command(childStats), time.Now()
	time.Sleep(watch)
	after, took := c.command(childStats), time.Since(began)
	if n := after.Stats.Accepts[accept.NoDescriptors] - before.Stats.Accepts[accept.NoDescriptors]; n > failures {
		c.t.Errorf("out of descriptors for %v: accept failed %d times, want at most %d", took, n, failures)
	}
	if used := after.CPU - before.CPU; used > took/10 {
		c.t.Errorf("out of descriptors for %v: got %v of CPU time used, want at most a tenth", took, used)
	}
}

// backlogOverflow stops the process, connects more clients than fit into its queue, and
// lets it continue.
func backlogOverflow(t trial) {
	const queue, clients = 16, 100
	c := t.spawn(childConfig{Backlog: queue})
	c.stop()
	before := listenOverflows(t)
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			conn, err := connect(&net.Dialer{Timeout: waitLimit}, c.spec)
			if err != nil {
				t.Errorf("connect: %v", err)
				return
			}
			defer conn.Close()
			p := newPeer(t, conn)
			if err := p.write(1000); err != nil {
				t.Errorf("send: %v", err)
			} else if err := p.read(1000); err != nil {
				t.Errorf("receive: %v", err)
			}
		})
	}
	t.eventually(func() bool { return listenOverflows(t) >= before+clients/2 }, "the queue overflows")
	c.signal(syscall.SIGCONT)
	all.Wait()
}

// listenOverflows returns how many connections did not fit into an accept queue so far, in
// the network namespace of this thread: TcpExt ListenOverflows of netstat in proc_net(5).
// A trial may have left the first thread of the process in another namespace.
func listenOverflows(t trial) int {
	t.Helper()
	text, err := os.ReadFile("/proc/thread-self/net/netstat")
	if err != nil {
		t.Fatal(err)
	}
	var names [][]byte
	for line := range bytes.Lines(text) {
		fields := bytes.Fields(line)
		if len(fields) == 0 || string(fields[0]) != "TcpExt:" {
			continue
		}
		if names == nil {
			names = fields
			continue
		}
		for i, name := range names {
			if string(name) == "ListenOverflows" {
				n, err := strconv.Atoi(string(fields[i]))
				if err != nil {
					t.Fatal(err)
				}
				return n
			}
		}
	}
	t.Fatal("netstat has no ListenOverflows")
	return 0
}

// scaleCases test many connections at once.
var scaleCases = []testCase{
	{
		name:    "thousands of connections are served, or refused and counted",
		promise: "P6, P7: an engine without Caps.MaxFD serves all; any other resets and counts those above it, and the earlier ones go on",
		alone:   true,
		run:     manyConnections,
	},
}

func manyConnections(t trial) {
	if most := t.engine.Caps().MaxFD; most > 0 {
		beyondMaxFD(t, most)
	} else {
		thousands(t)
	}
}

// thousands opens 5,000 connections and has each of them echo once while all are open.
func thousands(t trial) {
	const clients, workers = 5000, 50
	s := t.serve(engine.Config{})
	peers := make([]*peer, clients)
	inParallel(workers, clients, func(i int) {
		conn, err := connectTo(s)
		if err != nil {
			t.Errorf("connection %d: %v", i, err)
			return
		}
		peers[i] = newPeer(t, conn)
	})
	if t.Failed() {
		return
	}
	defer inParallel(workers, clients, func(i int) { peers[i].abort() })
	s.waitFor("all are served", func(st engine.Stats) bool { return st.Active == clients })
	inParallel(workers, clients, func(i int) {
		if err := peers[i].write(64); err != nil {
			t.Errorf("client %d: send: %v", i, err)
		} else if err := peers[i].read(64); err != nil {
			t.Errorf("client %d: receive: %v", i, err)
		}
	})
}

// beyondMaxFD opens connections until their descriptors in the server are above
// Caps.MaxFD.
func beyondMaxFD(t trial, most int) {
	s := t.serve(engine.Config{})
	const more = 50
	var served []*peer
	refused := 0
	for refused < more {
		if len(served) > most {
			t.Fatalf("%d connections are served at once, want refusals beyond descriptor %d", len(served), most)
		}
		switch p, err := t.tryEcho(s); {
		case err == nil:
			served = append(served, p)
		case isReset(err):
			refused++
		default:
			t.Fatalf("connection %d: got %v, want an echo or a reset", len(served)+refused, err)
		}
	}
	st := s.waitFor("the refusals are counted", func(st engine.Stats) bool { return st.Refused[engine.RefusedFD] >= more })
	if st.Refused[engine.RefusedFD] != more || int(st.Active) != len(served) {
		t.Errorf("got %d refused for their descriptor and %d open, want %d and %d",
			st.Refused[engine.RefusedFD], st.Active, more, len(served))
	}
	for _, p := range served {
		p.echo(100)
	}
	for _, p := range served[:len(served)/2] {
		p.halfClose()
		p.wantWhole()
		p.Close()
	}
	t.eventually(func() bool {
		p, err := t.tryEcho(s)
		if err != nil && p != nil {
			p.Close() // it may have the low descriptor that the server needs
		}
		return err == nil
	}, "a new client is served when low descriptors are free again")
}

// inParallel calls do for every number below n, in a few goroutines.
func inParallel(workers, n int, do func(int)) {
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for i := w; i < n; i += workers {
				do(i)
			}
		})
	}
	all.Wait()
}
