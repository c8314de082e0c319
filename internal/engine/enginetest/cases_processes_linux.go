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

// killCases try the server's sudden death, in a process of its own.
var killCases = []testCase{
	{
		name:    "SIGKILL with owed bytes ends in a reset",
		promise: "S2: after SIGKILL no client gets a clean end of file before all its bytes",
		on:      "tcp unix",
		run: func(t trial) {
			dieOwing(t, func(c *child) { c.signal(syscall.SIGKILL) })
		},
	},
	{
		name:    "a panic with owed bytes ends in a reset",
		promise: "S2: after a panic no client gets a clean end of file before all its bytes",
		on:      "tcp unix",
		run: func(t trial) {
			dieOwing(t, func(c *child) { c.say(childPanic) })
		},
	},
}

// dieOwing ends a server while it owes bytes to clients in every state that a
// stream can be in.
//
// On a unix socket the kernel gives ECONNRESET only to the peer of a socket that
// had unread bytes, so the clients here have sent more than the server takes.
func dieOwing(t trial, die func(*child)) {
	c := t.spawn(childConfig{})
	books := func() engine.Stats { return c.tell(childStats).Stats }

	owed := t.owe(c, books)
	stalled := t.dialNarrow(c)
	stalled.flood(64 << 20)
	partly := t.dial(c)
	partly.flood(64 << 20)
	partly.receive(1 << 20)
	finished := t.dialNarrow(c)
	finished.fill(books)
	finished.fin()
	quiet := t.dial(c)
	quiet.echo(100)
	earned := t.dialNarrow(c)
	earned.send(12 << 10)
	earned.fin()

	c.waitFor("one stream has sent everything, five are owed or wait", func(st engine.Stats) bool {
		return st.Closes[engine.Finished]+st.Finishing == 1 && st.Active-st.Finishing == 5
	})
	t.settle(books)
	die(c)

	stalled.writing.Wait()
	stalled.wantReset()
	owed.wantHonest()
	partly.wantReset()
	finished.wantReset()
	if t.network == "tcp" {
		quiet.wantReset()
	} else {
		quiet.wantWhole() // there is nothing unread, and nothing missing
	}
	earned.wantWhole()
}

// shortageCases try a server that lacks descriptors or room in its queue, in a
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

// watch is how long a shortage is watched for spinning. A busy loop would show
// in a tenth of it.
const watch = time.Second

func outOfDescriptors(t trial) {
	const limit, clients = 64, 150
	c := t.spawn(childConfig{NoFile: limit})
	crowd := make([]*peer, clients)
	for i := range crowd {
		crowd[i] = t.dial(c)
		crowd[i].send(10)
	}
	short := c.waitFor("accept runs out of descriptors", func(st engine.Stats) bool {
		return st.Accepts[accept.NoDescriptors] > 0
	})
	inside := crowd[:short.Stats.Active] // the queue is served in order
	if len(inside) == 0 || len(inside) >= limit {
		t.Fatalf("streams open: got %d, want some and fewer than the %d descriptors", len(inside), limit)
	}
	for _, p := range inside {
		p.receive(10)
		p.echo(100)
	}
	c.wantCalm(10)

	for _, p := range inside {
		p.fin()
		p.wantWhole()
	}
	for _, p := range crowd[len(inside):] {
		p.receive(10)
		p.fin()
		p.wantWhole()
	}
}

func emptyQueue(t trial) {
	c := t.spawn(childConfig{NoFile: 64})
	early := t.dial(c)
	early.echo(10)
	c.tell(childExhaust)
	c.wantCalm(0)
	late := t.dial(c)
	late.send(10)
	c.waitFor("accept runs out of descriptors", func(st engine.Stats) bool {
		return st.Accepts[accept.NoDescriptors] > 0
	})
	early.echo(10)
	c.tell(childRelieve)
	late.receive(10)
}

// wantCalm watches the child for a while, and fails the trial if its listener
// looked more often than rests times or it used more than a tenth of a core.
func (c *child) wantCalm(rests uint64) {
	c.t.Helper()
	before, began := c.tell(childStats), time.Now()
	time.Sleep(watch)
	after, took := c.tell(childStats), time.Since(began)
	if n := after.Stats.Accepts[accept.NoDescriptors] - before.Stats.Accepts[accept.NoDescriptors]; n > rests {
		c.t.Errorf("out of descriptors for %v: accept failed %d times, want at most %d", took, n, rests)
	}
	if used := after.CPU - before.CPU; used > took/10 {
		c.t.Errorf("out of descriptors for %v: got %v of processor time used, want at most a tenth", took, used)
	}
}

// backlogOverflow stops the process, connects more clients than its queue has
// room for, and lets it go on.
func backlogOverflow(t trial) {
	const queue, clients = 16, 100
	c := t.spawn(childConfig{Backlog: queue})
	c.stop()
	before := listenOverflows(t)
	var crowd sync.WaitGroup
	for range clients {
		crowd.Go(func() {
			conn, err := connect(&net.Dialer{Timeout: patience}, c.spec)
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
	crowd.Wait()
}

// listenOverflows is how many connections found no room in a queue so far, in
// this network namespace: TcpExt ListenOverflows of netstat in proc_net(5). It asks for this
// thread's network: the first thread may be in another one, left there by a
// trial.
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

// scaleCases try many connections at once.
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
		beyondReach(t, most)
	} else {
		thousands(t)
	}
}

// thousands opens 5,000 connections and has each of them echo once while all
// the others are open.
func thousands(t trial) {
	const clients, workers = 5000, 50
	s := t.serve(engine.Config{})
	crowd := make([]*peer, clients)
	inParallel(workers, clients, func(i int) {
		conn, err := connectTo(s)
		if err != nil {
			t.Errorf("connection %d: %v", i, err)
			return
		}
		crowd[i] = newPeer(t, conn)
	})
	if t.Failed() {
		return
	}
	defer inParallel(workers, clients, func(i int) { crowd[i].abort() })
	s.waitFor("all are served", func(st engine.Stats) bool { return st.Active == clients })
	inParallel(workers, clients, func(i int) {
		if err := crowd[i].write(64); err != nil {
			t.Errorf("client %d: send: %v", i, err)
		} else if err := crowd[i].read(64); err != nil {
			t.Errorf("client %d: receive: %v", i, err)
		}
	})
}

// beyondReach opens connections until the server's ends of them have
// descriptors that the engine cannot wait for.
func beyondReach(t trial, most int) {
	s := t.serve(engine.Config{})
	const more = 50
	var served []*peer
	refused := 0
	for refused < more {
		if len(served) > most {
			t.Fatalf("%d connections are served at once, want refusals beyond descriptor %d", len(served), most)
		}
		switch p, err := t.greet(s); {
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
		p.fin()
		p.wantWhole()
		p.Close()
	}
	t.eventually(func() bool {
		p, err := t.greet(s)
		if err != nil && p != nil {
			p.Close() // its descriptor may be the low one that is missing
		}
		return err == nil
	}, "a new client is served when low descriptors are free again")
}

// inParallel calls do for every number below n, from a few goroutines.
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
