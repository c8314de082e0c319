package load

import (
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"echod/echotest"
	"echod/internal/dial"
	"echod/internal/sys"
	"echod/internal/usage"
)

// trainServer echoes trains: what the kernel has put together comes back as one piece. With size 0
// it has no trains.
func trainServer(t *testing.T, size int) string {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	raw.Control(func(fd uintptr) {
		if size == 0 {
			return
		}
		err = errors.Join(unix.SetsockoptInt(int(fd), unix.SOL_UDP, unix.UDP_GRO, 1), unix.SetsockoptInt(int(fd), unix.SOL_UDP, unix.UDP_SEGMENT, size))
	})
	if err != nil {
		t.Skipf("this kernel has no UDP_SEGMENT and UDP_GRO: %v", err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for buf := make([]byte, 64<<10); ; {
			n, from, err := conn.ReadFromUDPAddrPort(buf)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			conn.WriteToUDPAddrPort(buf[:n], from)
		}
	}()
	t.Cleanup(func() { conn.Close(); <-done })
	return "udp://" + conn.LocalAddr().String()
}

func TestTrainsAreSentReceivedAndCounted(t *testing.T) {
	for _, tt := range []struct {
		name     string
		url      string
		depth    int
		threads  int
		received bool
	}{
		{"a server that sends trains", trainServer(t, 100), 32, 1, true},
		{"two threads", trainServer(t, 100), 32, 2, true},
		{"more in flight than a train has", trainServer(t, 100), 200, 1, true},
		{"echod serve", echotest.NewUDPServer(t).URL(), 32, 1, true},
		{"a server without trains", trainServer(t, 0), 32, 1, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := planFor(t, tt.url, "100")
			p.Conns, p.Depth, p.Threads, p.GSO, p.Duration, p.Messages = 2, tt.depth, tt.threads, true, 0, 2001
			r, err := runWith(t.Context(), p, nil, newDriver)
			if err != nil {
				t.Fatal(err)
			}
			if r.Due != 2001 || r.Sent != 2001 || r.Answered+r.Lost != 2001 || r.Wrong != nil || len(r.Failed) > 0 || r.Duplicated+r.Foreign > 0 {
				t.Errorf("got %+v; want 2001 answered or lost", r)
			}
			trains := r.Trains
			if trains == nil || trains.Sent == 0 || trains.SentDatagrams < 2*trains.Sent || trains.SentDatagrams > 64*trains.Sent || trains.SentDatagrams > r.Sent {
				t.Errorf("got %+v", trains)
			}
			if (trains.Received > 0) != tt.received || trains.ReceivedDatagrams < 2*trains.Received || trains.ReceivedDatagrams > r.Answered {
				t.Errorf("got %+v, want trains received: %t", trains, tt.received)
			}
		})
	}
}

// A path that spoils datagrams is found as without trains.
func TestEachDatagramOfATrainIsChecked(t *testing.T) {
	l, k := mirrored(t, "udp", func(p *Plan) { p.Conns, p.Depth, p.GSO = 1, 10, true })
	l.tally.all.end() // nothing more is sent
	k.path = badPath
	l.turn(time.Millisecond)
	checkBadPath(t, l)
	// The first train ends with the datagram that is cut, and the second begins after it.
	if got, want := *l.tally.result.Trains, (Trains{1, 10, 2, 6 + 4}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// oldKernel has no option of UDP.
type oldKernel struct{ mirror }

func (*oldKernel) SetsockoptInt(_, level, _, _ int) sys.Errno {
	if level == unix.SOL_UDP {
		return unix.ENOPROTOOPT
	}
	return 0
}

func TestTrainsThatCannotBeSentAreOneError(t *testing.T) {
	p := planFor(t, echotest.NewUDPServer(t).URL(), "64")
	p.Depth, p.GSO = 8, true
	const want = "--gso: a socket for trains cannot be made here (protocol not available): want Linux 5.0 or later"
	k := &oldKernel{}
	r, err := runWith(t.Context(), p, nil, func(r *run) (driver, error) { return newLoop(r, k) })
	if _, ok := errors.AsType[*usage.Error](err); !ok || r != nil || !strings.HasPrefix(err.Error(), want) || k.calls > 0 {
		t.Errorf("got %v, %v after %d sends; want %s", r, err, k.calls, want)
	}
	if err := fits(1472, 1500, 28); err != nil {
		t.Error(err)
	}
	if err := fits(1473, 1500, 28); err == nil || err.Error() != "--gso with datagrams of 1473 bytes, and an MTU of 1500: want at most 1472, because datagrams of a train are not fragmented" {
		t.Errorf("got %v", err)
	}
}

func TestPlanRefusesTrainsThatItCannotHave(t *testing.T) {
	for name, change := range map[string]func(p *Plan){
		"over tcp":               func(p *Plan) { p.Target.Network = "tcp" },
		"several sizes":          func(p *Plan) { p.Sizes, _ = ParseSizes("64,65") },
		"a schedule":             func(p *Plan) { p.Rate, p.Depth = PerSecond(5), 1 },
		"one in flight":          func(p *Plan) { p.Depth = 1 },
		"less than two fit":      func(p *Plan) { p.Sizes, _ = ParseSizes("32744") },
		"with a socket's option": func(p *Plan) { p.Socket = dial.Socket{Interface: "lo"} },
	} {
		p := planOf(t, "udp://127.0.0.1:7", "32743")
		p.Depth, p.GSO = 2, true
		if err := p.Check(); err != nil {
			t.Fatal(err)
		}
		change(&p)
		if _, ok := errors.AsType[*usage.Error](p.Check()); !ok {
			t.Errorf("%s: got %v, want a *usage.Error", name, p.Check())
		}
	}
}
