//go:build linux

package reactor

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"echod/internal/echo"
	"echod/internal/engine"
	"echod/internal/sock"
	"echod/internal/sys"
	"echod/internal/sys/sim"
)

var compareAddrs = cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })

// After an error about one answer the others are sent. Every datagram is either answered
// or counted with its reason.
func TestASendErrorDropsOneAnswerOnly(t *testing.T) {
	tests := []struct {
		errno sys.Errno
		drop  echo.Drop
		lost  uint64 // of ten datagrams
	}{
		{unix.EPERM, echo.DropRefused, 1},
		{unix.EACCES, echo.DropRefused, 1},
		{unix.ENETUNREACH, echo.DropRefused, 1},
		{unix.EHOSTUNREACH, echo.DropRefused, 1},
		{unix.ENETDOWN, echo.DropRefused, 1},
		{unix.EINVAL, echo.DropRefused, 1},
		{unix.EMSGSIZE, echo.DropRefused, 1},
		{unix.ENOBUFS, echo.DropFull, 1},
		{unix.ENOMEM, echo.DropFull, 1},
		{unix.EAGAIN, echo.DropFull, 10},
		{unix.EINTR, echo.DropFull, 0},
	}
	for _, tt := range tests {
		t.Run(unix.ErrnoName(tt.errno), func(t *testing.T) {
			k := sim.New(nil)
			s := datagramServer(t, k, Epoll, "127.0.0.1:0")
			failed := false
			k.Fault = func(call sim.Call) sys.Errno {
				if call != sim.Sendmmsg || failed {
					return 0
				}
				failed = true
				return tt.errno
			}
			sent := deliver(t, k, s, 10)
			s.iterate(t)
			if got, want := k.Answers(port(s)), answersTo(sent[tt.lost:]); len(got)+len(want) > 0 {
				if diff := cmp.Diff(want, got, compareAddrs); diff != "" {
					t.Errorf("answers (-want +got):\n%s", diff)
				}
			}
			stats := s.Stats()
			if stats.DatagramsIn != 10 || stats.DatagramsOut != 10-tt.lost || stats.Drops[tt.drop] != tt.lost {
				t.Errorf("got in %d, out %d, %v %d; want 10, %d, %d", stats.DatagramsIn, stats.DatagramsOut,
					tt.drop, stats.Drops[tt.drop], 10-tt.lost, tt.lost)
			}
			wantNoViolations(t, k)
		})
	}
}

// Promise P1.
func TestNoReceiveErrorEndsADatagramSocket(t *testing.T) {
	for _, errno := range append(sim.Legal(sim.Recvmmsg), unix.ECONNREFUSED, unix.EHOSTUNREACH, unix.ENOBUFS) {
		t.Run(unix.ErrnoName(errno), func(t *testing.T) {
			k := sim.New(nil)
			s := datagramServer(t, k, Epoll, "127.0.0.1:0")
			k.Fault = func(call sim.Call) sys.Errno {
				if call == sim.Recvmmsg {
					return errno
				}
				return 0
			}
			sent := deliver(t, k, s, 1)
			s.iterate(t)
			k.Fault = nil
			k.Advance(time.Second)
			s.iterate(t) // the pause ends
			s.iterate(t)
			if diff := cmp.Diff(answersTo(sent), k.Answers(port(s)), compareAddrs); diff != "" {
				t.Errorf("answers after the errors (-want +got):\n%s", diff)
			}
		})
	}
}

// Promise P2: the loop sleeps, although a datagram is queued.
func TestADatagramSocketPausesWithoutMemory(t *testing.T) {
	k := sim.New(nil)
	s := datagramServer(t, k, Epoll, "127.0.0.1:0")
	receives := 0
	k.Fault = func(call sim.Call) sys.Errno {
		if call == sim.Recvmmsg {
			receives++
			return unix.ENOMEM
		}
		return 0
	}
	deliver(t, k, s, 1)
	for range 100 {
		s.iterate(t)
	}
	if receives != 1 {
		t.Errorf("got %d receives in 100 iterations without a pause, want 1", receives)
	}
	if got := s.loops[0].pollTimeout(); got <= 0 || got > 1000 {
		t.Errorf("the next wait: got a timeout of %d ms, want it over within a second", got)
	}
}

// One failure less than maxFailures, then a datagram, and so on. The clock stands still, so a
// pause would not end.
func TestADatagramBetweenFailuresPreventsAPause(t *testing.T) {
	k := sim.New(nil)
	s := datagramServer(t, k, Epoll, "127.0.0.1:0")
	receives := 0
	k.Fault = func(call sim.Call) sys.Errno {
		if call != sim.Recvmmsg {
			return 0
		}
		if receives++; receives%maxFailures == 0 {
			return 0
		}
		return unix.EIO
	}
	const batches = 3
	deliver(t, k, s, batches*batchSize)
	for range batches * maxFailures {
		s.iterate(t)
	}
	if got := len(k.Answers(port(s))); got != batches*batchSize {
		t.Errorf("got %d answers, want %d", got, batches*batchSize)
	}
}

func TestOneBatchOfDatagramsIsAnsweredInAnIteration(t *testing.T) {
	k := sim.New(nil)
	s := datagramServer(t, k, Epoll, "127.0.0.1:0")
	deliver(t, k, s, batchSize+1)
	s.iterate(t)
	if got := len(k.Answers(port(s))); got != batchSize {
		t.Errorf("first iteration: got %d answers, want %d", got, batchSize)
	}
	s.iterate(t)
	if got := len(k.Answers(port(s))); got != 1 {
		t.Errorf("second iteration: got %d answers, want 1", got)
	}
}

func TestQueuedDatagramsAreAnsweredBeforeTheSocketCloses(t *testing.T) {
	k := sim.New(nil)
	s := datagramServer(t, k, Epoll, "127.0.0.1:0")
	const queued = 3 * batchSize
	deliver(t, k, s, queued)
	s.shutdown.Start()
	s.iterate(t)
	if got := s.Stats().DatagramsOut; got != queued {
		t.Errorf("got %d answers, want %d", got, queued)
	}
	if !s.loops[0].finished() {
		t.Error("the loop is not done")
	}
	s.close()
	if got := k.Open(); len(got) != 0 {
		t.Errorf("descriptors %v are still open, want none", got)
	}
	wantNoViolations(t, k)
}

// The guard is given the destination of each datagram.
func TestTheGuardChecksEachDatagram(t *testing.T) {
	k := sim.New(nil)
	s := datagramServer(t, k, Epoll, "[::]:0")
	here := port(s)
	var want []sim.Datagram
	for _, d := range []struct {
		from, to string
		drop     echo.Drop
	}{
		{"127.0.0.1:40000", "127.0.0.1", echo.Answer},
		{"[::1]:40000", "::1", echo.Answer},
		{"192.0.2.1:40000", "192.0.2.2", echo.Answer},
		{"127.0.0.1:0", "127.0.0.1", echo.DropPortZero},
		{"127.0.0.1:7", "127.0.0.1", echo.DropLowPort},
		{fmt.Sprintf("127.0.0.1:%d", here), "127.0.0.1", echo.DropOwn},
		{fmt.Sprintf("192.0.2.2:%d", here), "192.0.2.2", echo.DropOwn},
		{fmt.Sprintf("[::1]:%d", here), "::1", echo.DropOwn},
		{"0.0.0.0:40000", "127.0.0.1", echo.DropUnspecified},
		{"224.0.0.1:40000", "127.0.0.1", echo.DropMulticast},
		{"[ff02::1]:40000", "::1", echo.DropMulticast},
		{"192.0.2.1:40000", "224.0.0.1", echo.DropMulticast},
		{"255.255.255.255:40000", "127.0.0.1", echo.DropBroadcast},
		{"192.0.2.1:40000", "255.255.255.255", echo.DropBroadcast},
	} {
		before := s.Stats().Drops
		sent := sim.Datagram{From: netip.MustParseAddrPort(d.from), To: netip.AddrPortFrom(netip.MustParseAddr(d.to), here), Payload: []byte("hello")}
		if !k.Deliver(sent) {
			t.Fatal("the datagram was not delivered")
		}
		s.iterate(t)
		if d.drop == echo.Answer {
			want = append(want, sent)
		} else if got := s.Stats().Drops[d.drop] - before[d.drop]; got != 1 {
			t.Errorf("from %s to %s: got %d counted as %v, want 1", d.from, d.to, got, d.drop)
		}
	}
	if diff := cmp.Diff(answersTo(want), k.Answers(here), compareAddrs); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
}

func TestATruncatedDatagramIsCountedAndNotAnswered(t *testing.T) {
	k := sim.New(nil)
	s := datagramServer(t, k, Epoll, "127.0.0.1:0")
	k.Deliver(sim.Datagram{From: netip.MustParseAddrPort("127.0.0.1:40000"), To: s.specs[0].Addr, Payload: make([]byte, datagramBuffer+1)})
	s.iterate(t)
	if got := s.Stats(); got.DatagramsOut != 0 || got.Drops[echo.DropTruncated] != 1 {
		t.Errorf("got out %d, truncated %d; want 0, 1", got.DatagramsOut, got.Drops[echo.DropTruncated])
	}
}

func TestDatagramsAllocateNothing(t *testing.T) {
	for _, p := range pollers {
		t.Run(p.name, func(t *testing.T) {
			s := datagramServer(t, &sys.Linux{}, p.make, "127.0.0.1:0")
			fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer unix.Close(fd)
			if err := unix.Connect(fd, &unix.SockaddrInet4{Port: int(port(s)), Addr: [4]byte{127, 0, 0, 1}}); err != nil {
				t.Fatal(err)
			}
			payload := make([]byte, 512)
			echoed := 0
			allocs := testing.AllocsPerRun(100, func() {
				for range 8 {
					unix.Write(fd, payload)
				}
				s.loops[0].iterate(-1)
				for range 8 {
					if n, _ := unix.Read(fd, payload); n == len(payload) {
						echoed++
					}
				}
			})
			if allocs != 0 || echoed != 808 {
				t.Errorf("got %v allocations a batch and %d echoes, want 0 and 808", allocs, echoed)
			}
		})
	}
}

// datagramServer returns a server with one datagram socket and one loop, which the test
// runs.
func datagramServer(t *testing.T, k sys.Kernel, e func(sys.Kernel) engine.Engine, addr string) *steppedServer {
	t.Helper()
	return guardedServer(t, k, e, addr, nil)
}

// guardedServer returns such a server with that guard.
func guardedServer(t *testing.T, k sys.Kernel, e func(sys.Kernel) engine.Engine, addr string, guard *echo.Guard) *steppedServer {
	t.Helper()
	s := openDatagramServer(t, k, e, addr, guard)
	t.Cleanup(s.close)
	return s
}

// openDatagramServer returns such a server, which the test closes.
func openDatagramServer(t rapid.TB, k sys.Kernel, e func(sys.Kernel) engine.Engine, addr string, guard *echo.Guard) *steppedServer {
	t.Helper()
	spec := sock.Spec{Network: "udp", Addr: netip.MustParseAddrPort(addr)}
	srv, err := e(k).New(engine.Config{Listeners: []engine.Listener{{Spec: spec}}, Loops: 1, Guard: guard})
	if err != nil {
		t.Fatal(err)
	}
	return &steppedServer{srv.(*server)}
}

type steppedServer struct{ *server }

// iterate serves what is ready now.
func (s *steppedServer) iterate(t rapid.TB) {
	t.Helper()
	if err := s.loops[0].iterate(0); err != nil {
		t.Fatal(err)
	}
}

func port(s *steppedServer) uint16 { return s.specs[0].Addr.Port() }

// deliver sends n datagrams to the server, each from its own port and with its own payload.
func deliver(t *testing.T, k *sim.Kernel, s *steppedServer, n int) []sim.Datagram {
	t.Helper()
	var sent []sim.Datagram
	for i := range n {
		d := sim.Datagram{From: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(40000+i)), To: s.specs[0].Addr, Payload: fmt.Append(nil, i)}
		if !k.Deliver(d) {
			t.Fatalf("datagram %d was not delivered", i)
		}
		sent = append(sent, d)
	}
	return sent
}

// answersTo returns the expected answers: source and destination are exchanged.
func answersTo(sent []sim.Datagram) []sim.Datagram {
	answers := slices.Clone(sent)
	for i, d := range answers {
		answers[i].From, answers[i].To = d.To, d.From
	}
	return answers
}

func wantNoViolations(t *testing.T, k *sim.Kernel) {
	t.Helper()
	for _, v := range k.Violations() {
		t.Error(v)
	}
}
