//go:build linux

package load

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"echod/internal/dial"
	"echod/internal/sys"
	"echod/internal/sys/sim"
)

// simulation is a run of the loop on a simulated kernel, against an echo service on
// another machine that does as the test says.
type simulation struct {
	k      *sim.Kernel
	remote *sim.Remote
	r      *run
	loop   *loop
	peers  []*sim.Peer
	echoed map[*sim.Peer]int // bytes
	serve  func(p *sim.Peer) // what the service does now and then for each connection
	arrive []sim.Datagram    // answers that are on their way
	fault  func(sim.Call) sys.Errno
}

const servicePort = 7

func newSimulation(t testing.TB, network string, plan func(p *Plan)) *simulation {
	p := Plan{Target: dial.Target{Network: network}, Conns: 2, Depth: 1, Messages: 20, Timeout: 2 * time.Second, Verify: true, Seed: 1}
	p.Sizes, _ = ParseSizes("64")
	plan(&p)
	s := &simulation{k: sim.New(nil), echoed: map[*sim.Peer]int{}}
	var to net.Addr = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: servicePort}
	switch network {
	case "tcp":
		s.remote = s.k.Remote(servicePort)
	case "udp":
		to = &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: servicePort}
		s.remote = s.k.Remote(servicePort)
		s.remote.Receive = s.reply
	case "unix":
		to = &net.UnixAddr{Name: "/service", Net: "unix"}
		s.remote = s.k.RemoteUnix("/service")
	}
	s.remote.Accept = func(p *sim.Peer) { s.peers = append(s.peers, p) }
	s.serve = s.echo
	s.r = newRun(p, []net.Addr{to})
	s.r.content = someContent
	s.r.clock = s.k.Now
	d, err := newLoop(s.r, s.k)
	if err != nil {
		t.Fatal(err)
	}
	s.loop = d.(*loop)
	return s
}

// reply sends a datagram back. It arrives before the next wait.
func (s *simulation) reply(d sim.Datagram) {
	s.arrive = append(s.arrive, sim.Datagram{From: d.To, To: d.From, Payload: d.Payload})
}

// echo sends back what the peer has received, and finishes when the other side has.
func (s *simulation) echo(p *sim.Peer) {
	if got := p.Received(); len(got) > s.echoed[p] {
		p.Send(got[s.echoed[p]:])
		s.echoed[p] = len(got)
	}
	if p.End() == sim.Clean {
		p.CloseWrite()
	}
}

// run runs the load until each of its messages has an outcome, or for an hour. It returns
// what was counted.
func (s *simulation) run(t testing.TB) account {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	tl := s.r.tally
	s.k.Fault = func(call sim.Call) (errno sys.Errno) {
		if call == sim.EpollWait {
			for _, p := range s.peers {
				s.serve(p)
			}
			for _, d := range s.arrive {
				s.k.Deliver(d)
			}
			s.arrive = nil
			if tl.all.ended.Load() || s.k.Now() > int64(time.Hour) {
				cancel()
			}
		}
		if s.fault != nil {
			errno = s.fault(call)
		}
		return errno
	}
	s.loop.open(ctx)
	s.r.schedule.start(s.r.now(), s.r.Rate)
	tl.begin(s.r.now(), &s.r.schedule)
	s.loop.drive(ctx)
	s.loop.close()
	if got := s.k.Violations(); len(got) > 0 {
		t.Errorf("violations: %q", got)
	}
	if open := s.k.Open(); len(open) > 0 {
		t.Errorf("descriptors are left open: %v", open)
	}
	stopTally(tl, s.k.Now(), &s.r.schedule)
	if r := tl.total(); !r.Balanced() || r.Due != s.r.Messages {
		t.Errorf("got %+v: want an outcome for each of %d messages", tl.outcomes, s.r.Messages)
	}
	return tl
}

// every returns a script that decides every n-th of these calls by code.
func every(n int, code func(call sim.Call) byte, calls ...sim.Call) func(sim.Call) byte {
	count := 0
	return func(call sim.Call) byte {
		for _, c := range calls {
			if c == call {
				if count++; count%n == 0 {
					return code(call)
				}
			}
		}
		return 0
	}
}

func failsWith(errno sys.Errno) func(sim.Call) byte {
	return func(call sim.Call) byte { return sim.Fail(call, errno) }
}

func TestShortAndInterruptedCallsAreNoErrors(t *testing.T) {
	loads := []struct {
		name, network string
		plan          func(p *Plan)
	}{
		{"closed loop", "tcp", depth(3)},
		{"open loop", "tcp", openLoopAt(50)},
		{"churn", "tcp", churn},
		{"churn, open loop", "tcp", both(churn, openLoopAt(50))},
		{"unix", "unix", depth(2)},
		{"unix, churn", "unix", churn},
		{"large messages", "tcp", func(p *Plan) { p.Sizes, _ = ParseSizes("300KiB"); p.Depth = 2 }},
		{"udp", "udp", depth(3)},
		{"udp, open loop", "udp", openLoopAt(50)},
	}
	faults := []struct {
		name   string
		choose func() func(sim.Call) byte
	}{
		{"nothing", func() func(sim.Call) byte { return nil }},
		{"short sends and receives", func() func(sim.Call) byte {
			return every(1, func(call sim.Call) byte {
				if call == sim.Recv || call == sim.Send {
					return sim.Short(7)
				}
				return sim.Short(1) // of several datagrams
			}, sim.Recv, sim.Send, sim.Recvmmsg, sim.Sendmmsg)
		}},
		{"EAGAIN", func() func(sim.Call) byte {
			return every(2, failsWith(unix.EAGAIN), sim.Recv, sim.Send, sim.Recvmmsg, sim.Sendmmsg)
		}},
		{"EINTR", func() func(sim.Call) byte {
			return every(3, failsWith(unix.EINTR), sim.Recv, sim.Send, sim.Recvmmsg, sim.Sendmmsg, sim.EpollWait)
		}},
	}
	for _, load := range loads {
		for i, fault := range faults {
			t.Run(load.name+"/"+fault.name, func(t *testing.T) {
				s := newSimulation(t, load.network, load.plan)
				if load.name == "large messages" && i > 0 {
					s.r.Messages, s.r.tally.plan.Messages = 1, 1
				}
				s.k.Choose = fault.choose()
				tl := s.run(t)
				if tl.outcomes.answered < s.r.Messages || len(tl.result.Failed) > 0 || tl.result.Wrong != nil {
					t.Errorf("got %+v, errors %v, wrong %+v; want %d answered", tl.outcomes, tl.result.Failed, tl.result.Wrong, s.r.Messages)
				}
			})
		}
	}
}

func openLoopAt(rate float64) func(*Plan) { return func(p *Plan) { p.Rate = PerSecond(rate) } }

func TestLoopCountsFailures(t *testing.T) {
	few := func(n int64) func(*Plan) { return func(p *Plan) { p.Messages, p.Conns = n, 1 } }
	once := func(call sim.Call, errno sys.Errno) func(s *simulation) {
		return func(s *simulation) {
			done := false
			s.fault = func(c sim.Call) sys.Errno {
				if c != call || done || s.r.tally.from == never {
					return 0
				}
				done = true
				return errno
			}
		}
	}
	firstPeer := func(do func(p *sim.Peer)) func(s *simulation) {
		return func(s *simulation) {
			s.serve = func(p *sim.Peer) {
				if p == s.peers[0] {
					do(p)
				} else {
					s.echo(p)
				}
			}
		}
	}
	tests := []struct {
		name, network string
		plan          func(p *Plan)
		set           func(s *simulation)
		want          Classes
		lost          int64
	}{
		{"the service resets", "tcp", few(5), firstPeer(func(p *sim.Peer) {
			if len(p.Received()) > 0 {
				p.Reset()
			}
		}), Classes{dial.Reset: 1}, 0},
		{"the service closes", "tcp", few(5), firstPeer(func(p *sim.Peer) {
			if len(p.Received()) > 0 {
				p.CloseWrite()
			}
		}), Classes{dial.PrematureEOF: 1}, 0},
		{"the service does not answer", "tcp", few(5), firstPeer(func(*sim.Peer) {}), Classes{dial.Timeout: 1}, 0},
		{"the service does not read", "tcp", both(few(2), func(p *Plan) { p.Sizes, _ = ParseSizes("300KiB") }), firstPeer(func(p *sim.Peer) { p.Stall() }),
			Classes{dial.Timeout: 1}, 0},
		{"churn: the answer is cut off", "tcp", both(few(5), churn), firstPeer(func(p *sim.Peer) {
			if p.End() == sim.Clean {
				p.Send(p.Received()[:10])
				p.CloseWrite()
			}
		}), Classes{dial.PrematureEOF: 1}, 0},
		{"send fails with ECONNRESET", "tcp", few(5), once(sim.Send, unix.ECONNRESET), Classes{dial.Reset: 1}, 0},
		{"send fails with ENOBUFS", "tcp", few(5), once(sim.Send, unix.ENOBUFS), Classes{dial.Local: 1}, 0},
		{"recv fails with ECONNRESET", "tcp", few(5), once(sim.Recv, unix.ECONNRESET), Classes{dial.Reset: 1}, 0},
		{"recv fails with ETIMEDOUT", "tcp", few(5), once(sim.Recv, unix.ETIMEDOUT), Classes{dial.Timeout: 1}, 0},
		{"churn: socket fails with EMFILE", "tcp", both(few(5), churn), once(sim.Socket, unix.EMFILE), Classes{dial.Local: 1}, 0},
		{"churn: connect fails with EADDRNOTAVAIL", "tcp", both(few(5), churn), once(sim.Connect, unix.EADDRNOTAVAIL), Classes{dial.Local: 1}, 0},
		{"churn: connect fails with ENETUNREACH", "tcp", both(few(5), churn), once(sim.Connect, unix.ENETUNREACH), Classes{dial.Unreachable: 1}, 0},
		{"churn: bind fails with EADDRINUSE", "tcp", both(both(few(5), churn), func(p *Plan) { p.Sources = []netip.Addr{netip.MustParseAddr("127.0.0.2")} }),
			once(sim.Bind, unix.EADDRINUSE), Classes{dial.Local: 1}, 0},
		{"churn: epoll_ctl fails with ENOSPC", "tcp", both(few(5), churn), once(sim.EpollAdd, unix.ENOSPC), Classes{dial.Local: 1}, 0},
		{"churn: epoll_ctl fails with ENOMEM", "tcp", both(few(5), churn), once(sim.EpollMod, unix.ENOMEM), Classes{dial.Local: 1}, 0},
		{"udp: one is not answered", "udp", few(5), func(s *simulation) {
			received := 0
			s.remote.Receive = func(d sim.Datagram) {
				if received++; received != 2 {
					s.reply(d)
				}
			}
		}, Classes{}, 1},
		{"udp: one is not sent", "udp", few(5), once(sim.Sendmmsg, unix.ENETUNREACH), Classes{dial.Unreachable: 1}, 0},
	}
	for _, tt := range tests {
		for _, rate := range []float64{0, 10} {
			t.Run(fmt.Sprintf("%s/rate %g", tt.name, rate), func(t *testing.T) {
				s := newSimulation(t, tt.network, both(tt.plan, openLoopAt(rate)))
				tt.set(s)
				tl := s.run(t)
				if rate > 0 && tt.want[dial.Timeout] > 0 {
					// Later messages are on the connection too, or find none.
					if tl.result.Failed[dial.Timeout] == 0 || tl.outcomes.settled() != s.r.Messages {
						t.Errorf("got %+v, errors %v; want timeouts", tl.outcomes, tl.result.Failed)
					}
					return
				}
				if diff := cmp.Diff(tt.want, tl.result.Failed); diff != "" {
					t.Errorf("errors (-want +got):\n%s", diff)
				}
				// In a closed loop other answers may come with the last one.
				if o := tl.outcomes; o.lost != tt.lost || o.settled() < s.r.Messages || rate > 0 && o.settled() > s.r.Messages {
					t.Errorf("got %+v; want %d outcomes, %d lost", o, s.r.Messages, tt.lost)
				}
			})
		}
	}
}

// Whatever fails, each message that was due has one outcome, nothing is left open, and the
// loop does not spin.
func TestLoopKeepsItsCountsWhateverFails(t *testing.T) {
	for seed := range uint64(120) {
		r := rand.New(rand.NewPCG(seed, 0))
		network := []string{"tcp", "tcp", "unix", "udp"}[r.IntN(4)]
		s := newSimulation(t, network, func(p *Plan) {
			p.Conns, p.Rate, p.Messages = 1+r.IntN(4), PerSecond([]float64{0, 10, 100, 1000}[r.IntN(4)]), 50
			p.Churn = network != "udp" && r.IntN(2) == 0
			p.Sizes, _ = ParseSizes([]string{"64", "16-2000"}[r.IntN(2)])
		})
		rate := 1 + r.IntN(100)
		s.k.Choose = func(call sim.Call) byte {
			legal := sim.Legal(call)
			switch chance := r.IntN(1000); {
			case chance < rate && len(legal) > 0:
				return sim.Fail(call, legal[r.IntN(len(legal))])
			case chance < 2*rate:
				return sim.Short(1 + r.IntN(64))
			}
			return 0
		}
		s.serve = func(p *sim.Peer) {
			switch r.IntN(100) {
			case 0:
				p.Reset()
			case 1:
				p.Close()
			case 2:
				p.Stall()
			case 3, 4, 5, 6, 7, 8, 9:
				p.Resume()
			default:
				s.echo(p)
			}
		}
		tl := s.run(t)
		if o := tl.outcomes; o.settled() < s.r.Messages || tl.result.Wrong != nil {
			t.Errorf("got %+v, wrong %+v; want %d outcomes", o, tl.result.Wrong, s.r.Messages)
		}
		if t.Failed() {
			t.Fatalf("seed %d: %s, %d connections, rate %s, churn %t", seed, network, s.r.Conns, s.r.Rate, s.r.Churn)
		}
	}
}

// A generator that does not sleep takes time from the server on a busy machine.
func TestLoopSleepsUntilShortlyBeforeAMessageIsDue(t *testing.T) {
	for _, rate := range []float64{300, 1000, 3000} {
		s := newSimulation(t, "tcp", both(openLoopAt(rate), func(p *Plan) { p.Messages, p.Spin = 200, DefaultSpin }))
		waits := 0
		s.fault = func(call sim.Call) sys.Errno {
			if call == sim.EpollWait {
				waits++
				s.k.Advance(10 * time.Microsecond) // the call takes time
			}
			return 0
		}
		tl := s.run(t)
		// Each message has a wait that sleeps, five that spin, and one for its answer.
		if most := 10 * tl.outcomes.due; int64(waits) > most {
			t.Errorf("rate %g: got %d waits for %d messages, want %d at most", rate, waits, tl.outcomes.due, most)
		}
		if late := tl.second.SchedulingDelay.Max(); tl.second.SchedulingDelay.Count() == 0 || late > 20*time.Microsecond {
			t.Errorf("rate %g: got a message that was sent %v late", rate, late)
		}
	}
}

// Up to 16 receives come before their sends.
func TestLoopReceivesBeforeItSends(t *testing.T) {
	s := newSimulation(t, "tcp", func(p *Plan) { p.Conns, p.Messages = 20, 60 })
	s.run(t)
	longest, row := 0, 0
	for _, call := range s.k.Trace() {
		switch call {
		case sim.Recv:
			row++
		case sim.Send: // the last receives have none
			longest, row = max(longest, row), 0
		}
	}
	if longest != 16 {
		t.Errorf("got %d receives before a send, want 16: 20 sockets are ready at once", longest)
	}
}
