//go:build linux

package simulation

import (
	"context"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"echod/internal/engine"
	"echod/internal/sock"
	"echod/internal/sys/sim"
)

// costs are the system calls that an engine makes for what a peer does, in their order. It is
// an error to make one more, or one less. Here "wait" is select, poll or epoll_wait, and only
// epoll makes the call in brackets.
//
// Of the engine net these are the calls of echod and those that package net makes for it, as
// far as network_test.go has them. Its goroutines run in any order, so only the number of each
// call is compared. How often Go's runtime waits is not counted: it depends on when its threads
// run.
//
// CONTRIBUTING.md says what to do when a call is added or saved.
var costs = []struct {
	name    string
	before  []event // not counted
	do      []event
	reactor string
	net     string
}{
	{
		"a message",
		connected(1), events(sends(0)),
		"wait recv send",
		"recv send recv",
	}, {
		"three messages, each after the answer to the one before",
		connected(1), events(sends(0), sends(0), sends(0)),
		"wait recv send wait recv send wait recv send",
		"recv send recv recv send recv recv send recv",
	}, {
		"three messages that arrive together",
		connected(1), events(sends(0, 0, 0)),
		"wait recv send",
		"recv send recv",
	}, {
		"a message on each of three connections, at once",
		connected(3), events(sends(0, 1, 2)),
		"wait recv recv recv send send send",
		"recv send recv recv send recv recv send recv",
	}, {
		"an hour without a message",
		connected(3), events(hourPasses),
		"",
		"",
	}, {
		"a message on a unix socket, which stays unread until it is sent",
		events(dialsUnix, sends(0)), events(sends(0)),
		"wait recv send recv",
		"recv send recv recv",
	}, {
		"a connection, a message, and the half-close after it",
		nil, events(dials, sends(0), halfCloses),
		"wait accept4 [epoll_ctl] accept4 wait recv send wait recv setsockopt close",
		"accept4 epoll_ctl setsockopt accept4 recv recv send recv recv setsockopt epoll_ctl close",
	}, {
		"a message and a half-close that are there before the connection is accepted",
		nil, events(atOnce(dials, sends(0), halfCloses)),
		"wait accept4 [epoll_ctl] accept4 wait recv send wait recv setsockopt close",
		"accept4 epoll_ctl setsockopt accept4 recv send recv setsockopt epoll_ctl close",
	}, {
		"the half-close of a peer that was sent more than the smallest window",
		events(dials, sendsBytes(2*smallestWindow)), events(halfCloses),
		"wait recv ioctl setsockopt close",
		"recv setsockopt getsockopt ioctl epoll_ctl close",
	}, {
		"a peer that resets its connection",
		connected(1), events(resets),
		"wait recv close",
		"recv epoll_ctl close",
	}, {
		"more than the send buffer holds, for a peer that reads nothing",
		events(atOnce(dials, stalls)), events(sendsBytes(3 * sendBuffer)),
		"wait recv send [epoll_ctl]",
		"recv send send",
	}, {
		"the same peer begins to read",
		events(atOnce(dials, stalls), sendsBytes(3*sendBuffer)), events(resumes),
		"wait send wait send [epoll_ctl]",
		"send send recv",
	}, {
		"a datagram",
		nil, events(datagramsArrive(1)),
		"wait recvmmsg sendmmsg",
		"recvmmsg sendmmsg recvmmsg",
	}, {
		"three datagrams that arrive together",
		nil, events(datagramsArrive(3)),
		"wait recvmmsg sendmmsg",
		"recvmmsg sendmmsg recvmmsg sendmmsg recvmmsg sendmmsg recvmmsg",
	},
}

const (
	// sendBuffer is the size of the send buffer of each connection, in bytes.
	sendBuffer = 8 << 10
	// smallestWindow is that of the engines: see their function finish or halfClose.
	smallestWindow = 1024
)

func TestEnginesMakeTheseCallsAndNoOthers(t *testing.T) {
	for _, name := range engineNames {
		for _, tt := range costs {
			t.Run(name+"/"+tt.name, func(t *testing.T) {
				t.Parallel()
				var got []string
				path := filepath.Join(t.TempDir(), "s")
				synctest.Test(t, func(t *testing.T) { got = callsFor(t, name, path, tt.before, tt.do) })
				want := strings.Fields(wanted(name, tt.reactor, tt.net))
				if name == "net" {
					slices.Sort(got)
					slices.Sort(want)
				}
				if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("calls (-want +got):\n%s", diff)
				}
			})
		}
	}
}

// wanted returns the calls that an engine should make.
func wanted(engine, reactor, net string) string {
	switch engine {
	case "net":
		return net
	case "epoll":
		return strings.NewReplacer("[", "", "]", "").Replace(reactor)
	}
	return strings.ReplaceAll(reactor, "[epoll_ctl]", "")
}

// callsFor starts a server, and returns the calls that it makes for the events do.
func callsFor(t *testing.T, name, path string, before, do []event) (calls []string) {
	m := newMachine()
	m.k.SendBuffer = sendBuffer
	anyPort := netip.MustParseAddrPort("127.0.0.1:0")
	srv, err := newEngine(name, m).New(engine.Config{Loops: 1, Listeners: []engine.Listener{
		{Spec: sock.Spec{Network: "tcp", Host: "127.0.0.1", Addr: anyPort}},
		{Spec: sock.Spec{Network: "udp", Host: "127.0.0.1", Addr: anyPort}},
		{Spec: sock.Spec{Network: "unix", Path: path}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() { ended <- srv.Serve() }()
	synctest.Wait()
	p := &peers{k: m.k, listeners: srv.Listeners()}
	p.happen(m, before)
	first, firstWait := len(m.k.Trace()), len(m.returns)
	p.happen(m, do)
	calls = callsSince(m, first, firstWait)
	now, cancel := context.WithCancel(t.Context())
	cancel()
	srv.Shutdown(now)
	<-ended
	return calls
}

// callsSince returns the calls from the first one on. A wait that sleeps looks again whenever
// something has changed, so the kernel has its call more than once: it counts when it returns.
func callsSince(m *machine, first, firstWait int) (calls []string) {
	returns := m.returns[firstWait:]
	trace := m.k.Trace()
	for i := first; ; i++ {
		for len(returns) > 0 && returns[0] == i {
			calls, returns = append(calls, "wait"), returns[1:]
		}
		if i == len(trace) {
			return calls
		}
		switch call := trace[i]; call {
		case sim.Select, sim.Poll, sim.EpollWait:
		default:
			name, _, _ := strings.Cut(call.String(), " ") // epoll_ctl add, mod or del
			calls = append(calls, name)
		}
	}
}

// peers are what an event acts on.
type peers struct {
	k         *sim.Kernel
	listeners []sock.Spec // tcp, udp, unix
	all       []*sim.Peer
}

// event is what peers do before the engine makes a call, or a time that passes.
type event struct {
	act  func(*peers)
	pass time.Duration
}

// happen lets the events happen. After each it waits until the engine has nothing more to do.
func (p *peers) happen(m *machine, all []event) {
	for _, e := range all {
		if e.act != nil {
			m.change(func(*sim.Kernel) { e.act(p) })
		}
		time.Sleep(e.pass)
		synctest.Wait()
	}
}

func events(all ...event) []event { return all }

// atOnce makes one event of several.
func atOnce(all ...event) event {
	return event{act: func(p *peers) {
		for _, e := range all {
			e.act(p)
		}
	}}
}

// connected is n peers, each of which was sent an answer.
func connected(n int) (all []event) {
	for i := range n {
		all = append(all, dials, sends(i))
	}
	return all
}

var (
	dials      = event{act: func(p *peers) { p.all = append(p.all, p.k.Dial(p.listeners[0].Addr.Port())) }}
	dialsUnix  = event{act: func(p *peers) { p.all = append(p.all, p.k.DialUnix(p.listeners[2].Path)) }}
	stalls     = event{act: func(p *peers) { p.all[0].Stall() }}
	resumes    = event{act: func(p *peers) { p.all[0].Resume() }}
	halfCloses = event{act: func(p *peers) { p.all[0].CloseWrite() }}
	resets     = event{act: func(p *peers) { p.all[0].Reset() }}
	hourPasses = event{pass: time.Hour}
)

// sends is a message from each of these peers.
func sends(from ...int) event {
	return event{act: func(p *peers) {
		for _, i := range from {
			p.all[i].Send(make([]byte, 64))
		}
	}}
}

// sendsBytes is n bytes from the first peer.
func sendsBytes(n int) event { return event{act: func(p *peers) { p.all[0].Send(make([]byte, n)) }} }

// datagramsArrive is n datagrams at once.
func datagramsArrive(n int) event {
	return event{act: func(p *peers) {
		for range n {
			p.k.Deliver(sim.Datagram{From: netip.MustParseAddrPort("127.0.0.1:40000"), To: p.listeners[1].Addr, Payload: make([]byte, 64)})
		}
	}}
}
