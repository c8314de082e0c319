package load

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"echod/internal/dial"
	"echod/internal/sys"
)

// mirror is a kernel whose sockets receive what they send. It allocates nothing, and its calls take
// hardly any time: what is left is the generator's.
type mirror struct {
	sys.Linux
	fds   [64][]byte // what each socket has sent and not received: of datagrams, with their lengths
	made  int        // sockets
	tags  [64]int32
	calls int                     // that move bytes
	path  func([][]byte) [][]byte // what it does to the datagrams of one receive; nil: nothing
	held  []byte                  // what comes out of the path
	size  int                     // of the datagrams of a train; 0: there are no trains
}

const firstMirror = 1000

func (k *mirror) of(fd int) *[]byte                    { return &k.fds[fd-firstMirror] }
func (k *mirror) Connect(int, unix.Sockaddr) sys.Errno { return 0 }
func (k *mirror) Close(int) sys.Errno                  { return 0 }
func (k *mirror) EpollCreate1(int) (int, sys.Errno)    { return 0, 0 }
func (k *mirror) Socket(_, _, _ int) (fd int, _ sys.Errno) {
	k.made++
	return firstMirror + k.made - 1, 0
}

func (k *mirror) SetsockoptInt(_, level, opt, value int) sys.Errno {
	if level == unix.SOL_UDP && opt == unix.UDP_SEGMENT {
		k.size = value
	}
	return 0
}

func (k *mirror) EpollCtl(_, _, fd int, event *unix.EpollEvent) sys.Errno {
	k.tags[fd-firstMirror] = event.Pad
	return 0
}

func (k *mirror) EpollWait(epfd int, events []unix.EpollEvent, _ int) (int, sys.Errno) {
	return k.EpollPwait2(epfd, events, 0)
}

// EpollPwait2 reports all sockets that can receive.
func (k *mirror) EpollPwait2(_ int, events []unix.EpollEvent, _ time.Duration) (n int, _ sys.Errno) {
	for i := range k.fds {
		if len(k.fds[i]) > 0 {
			events[n] = unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(firstMirror + i), Pad: k.tags[i]}
			n++
		}
	}
	return n, 0
}

func (k *mirror) Send(fd int, p []byte, _ int) (int, sys.Errno) {
	k.calls++
	held := k.of(fd)
	*held = append(*held, p...)
	return len(p), 0
}

func (k *mirror) Recv(fd int, p []byte, _ int) (int, sys.Errno) {
	k.calls++
	held := k.of(fd)
	n := copy(p, *held)
	*held = (*held)[:copy(*held, (*held)[n:])]
	return n, 0
}

func (k *mirror) Sendmmsg(fd int, msgs []sys.Mmsghdr, _ int) (int, sys.Errno) {
	k.calls++
	held := k.of(fd)
	for i := range msgs {
		p := unsafe.Slice(msgs[i].Hdr.Iov.Base, msgs[i].Hdr.Iov.Len)
		for size := k.size; size > 0 && len(p) > size; p = p[size:] {
			*held = append(append(*held, byte(size)), p[:size]...)
		}
		*held = append(append(*held, byte(len(p))), p...)
	}
	return len(msgs), 0
}

func (k *mirror) Recvmmsg(fd int, msgs []sys.Mmsghdr, _ int) (n int, errno sys.Errno) {
	k.calls++
	held, rest := k.of(fd), *k.of(fd)
	if k.path != nil {
		k.held = k.held[:0]
		for _, p := range k.path(datagramsIn(rest)) {
			k.held = append(append(k.held, byte(len(p))), p...)
		}
		rest = k.held
	}
	for ; n < len(msgs) && len(rest) > 0; n++ {
		rest = k.receive(&msgs[n], rest)
	}
	if *held = (*held)[:copy(*held, rest)]; n == 0 {
		return 0, unix.EAGAIN
	}
	return n, 0
}

// receive receives a datagram, or a train: datagrams of one size, of which the last may be shorter
// (udp_gro_receive_segment in net/ipv4/udp_offload.c).
func (k *mirror) receive(to *sys.Mmsghdr, rest []byte) []byte {
	size, n := int(rest[0]), 0
	for k.size > 0 || n == 0 {
		one := int(rest[0])
		n += copy(unsafe.Slice(to.Hdr.Iov.Base, largest)[n:], rest[1:1+one])
		if rest = rest[1+one:]; one < size || len(rest) == 0 || int(rest[0]) > size {
			break
		}
	}
	if to.Len = uint32(n); n > size {
		*(*unix.Cmsghdr)(unsafe.Pointer(to.Hdr.Control)) = unix.Cmsghdr{Level: unix.SOL_UDP, Type: unix.UDP_GRO}
		(*unix.Cmsghdr)(unsafe.Pointer(to.Hdr.Control)).SetLen(unix.CmsgLen(4))
		*(*int32)(unsafe.Add(unsafe.Pointer(to.Hdr.Control), unix.CmsgLen(0))) = int32(size)
		to.Hdr.SetControllen(unix.CmsgSpace(4))
	} else {
		to.Hdr.SetControllen(0)
	}
	return rest
}

// datagramsIn returns the datagrams that a socket holds.
func datagramsIn(held []byte) (all [][]byte) {
	for len(held) > 0 {
		size := int(held[0])
		all, held = append(all, slices.Clone(held[1:1+size])), held[1+size:]
	}
	return all
}

// mirrored returns a loop under load on a mirror: each turn has an answer to all that is in flight.
func mirrored(t testing.TB, network string, plan func(p *Plan)) (*loop, *mirror) {
	p := Plan{Target: dial.Target{Network: network}, Conns: 50, Depth: 1, Duration: time.Hour, Timeout: time.Hour, Verify: true, Seed: 1}
	p.Sizes, _ = ParseSizes("64")
	plan(&p)
	var to net.Addr = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 7}
	if network == "udp" {
		to = &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 7}
	}
	r, k := newRun(p, []net.Addr{to}), &mirror{}
	d, err := newLoop(r, k)
	if err != nil {
		t.Fatal(err)
	}
	l := d.(*loop)
	if err := l.open(t.Context()); err != nil {
		t.Fatal(err)
	}
	(&threads{runs: []*run{r}}).begin(r.now())
	l.tally.mu.Lock() // as drive does
	for i := range l.slots {
		l.slots[i].start(l.now())
		l.advance(&l.slots[i], l.now())
	}
	return l, k
}

var mirroredLoads = []struct {
	name, network string
	plan          func(p *Plan)
}{
	{"tcp", "tcp", func(p *Plan) {}},
	{"tcp, depth 16", "tcp", func(p *Plan) { p.Depth = 16 }},
	{"tcp, several sizes", "tcp", func(p *Plan) { p.Sizes, _ = ParseSizes("16-200") }},
	{"tcp, not verified", "tcp", func(p *Plan) { p.Verify = false }},
	{"udp, depth 32", "udp", func(p *Plan) { p.Conns, p.Depth = 16, 32 }},
	{"udp, trains of 32", "udp", func(p *Plan) { p.Conns, p.Depth, p.GSO = 16, 32, true }},
	{"udp, depth 32, not verified", "udp", func(p *Plan) { p.Conns, p.Depth, p.Verify = 16, 32, false }},
}

// A driver that allocates for each message measures the garbage collector.
func TestLoopAllocatesNothingForAMessage(t *testing.T) {
	for _, tt := range mirroredLoads {
		l, _ := mirrored(t, tt.network, tt.plan)
		turn := func() { l.turn(time.Millisecond) }
		for range 20 {
			turn() // until the buffers are large enough
		}
		before := l.tally.outcomes.answered
		if got := testing.AllocsPerRun(100, turn); got > 0 {
			t.Errorf("%s: got %g allocations a turn, want none", tt.name, got)
		}
		if want := int64(101 * l.Conns * l.Depth); l.tally.outcomes.answered-before != want || l.tally.result.Wrong != nil {
			t.Errorf("%s: got %d answers, wrong %v; want %d", tt.name, l.tally.outcomes.answered-before, l.tally.result.Wrong, want)
		}
	}
}

// A window of datagrams is two system calls.
func TestWindowOfDatagramsIsSentAndReceivedAtOnce(t *testing.T) {
	l, k := mirrored(t, "udp", func(p *Plan) { p.Conns, p.Depth = 3, 50 })
	before := k.calls
	l.turn(time.Millisecond)
	if got := k.calls - before; got != 2*3 || l.tally.outcomes.answered != 3*50 {
		t.Errorf("got %d calls, %d answers; want a receive and a send for each of 3 sockets", got, l.tally.outcomes.answered)
	}
}

// badPath does to the window of a socket everything that a path can do: 0 and 1 change places, 2
// comes twice, 3 is corrupt, 4 is cut, 5 is lost, and 6 and 7 are those of another socket and of another
// run.
func badPath(all [][]byte) [][]byte {
	if len(all) < 10 {
		return all
	}
	all[0], all[1] = all[1], all[0]
	all[3][50] ^= 1
	all[4] = all[4][:40]
	all[6][7]++
	all[7][0]++
	return slices.Concat(all[:3], all[2:5], all[6:])
}

// checkBadPath checks the counts of a window of ten datagrams that badPath has changed.
func checkBadPath(t *testing.T, l *loop) {
	t.Helper()
	for i := range l.slots {
		l.slots[i].stop(l.now(), dial.Timeout)
	}
	r := l.tally.result
	got := fmt.Sprint(l.tally.outcomes.due, l.tally.outcomes.answered, r.Reordered, r.Duplicated, r.Failed, l.tally.outcomes.lost, r.Foreign, r.Wrong)
	const want = `10 5 1 1 map[corrupt:2] 3 2 &{0 50 `
	if !strings.HasPrefix(got, want) || r.BytesIn != 5*64 {
		t.Errorf("got  %s\nwant %s…", got, want)
	}
}

func TestEachDatagramOfAWindowIsChecked(t *testing.T) {
	l, k := mirrored(t, "udp", func(p *Plan) { p.Conns, p.Depth = 1, 10 })
	l.tally.all.end() // nothing more is sent
	k.path = badPath
	l.turn(time.Millisecond)
	checkBadPath(t, l)
}

// BenchmarkGenerator measures what a message costs without the kernel.
func BenchmarkGenerator(b *testing.B) {
	for _, tt := range mirroredLoads {
		b.Run(fmt.Sprintf("%s/%s", tt.network, tt.name), func(b *testing.B) {
			l, _ := mirrored(b, tt.network, tt.plan)
			b.ReportAllocs()
			for done := 0; done < b.N; done += l.Conns * l.Depth {
				l.turn(time.Millisecond)
			}
		})
	}
}
