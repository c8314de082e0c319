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

// shortageCases try a server that lacks descriptors or room in its queue, in a
// process of its own.
var shortageCases = []testCase{
	{
		name:    "EMFILE pauses the listener",
		promise: "P1, P2: the listener pauses and does not spin, who is served goes on, and who is queued is served after relief",
		run:     outOfDescriptors,
	},
	{
		name:    "EMFILE with an empty queue costs nothing",
		promise: "P2: at most 10 % of a core while there is no descriptor left",
		run:     emptyQueue,
	},
	{
		name:    "a backlog that overflowed recovers",
		promise: "P1, S4: everybody is served in the end",
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
