//go:build linux

package sim_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"echod/internal/sys"
	"echod/internal/sys/sim"
)

// pair is the same sockets on both kernels.
type pair struct {
	t       *rapid.T
	domain  int
	sides   [2]*side  // the simulated kernel, the real one
	sockets []*socket // open ones
	made    int
	paths   []string // of unix sockets
	sent    int      // bytes: their values count up, modulo 251
	urgent  bool     // a byte of them was urgent
	log     []string
}

// side is one of the kernels.
type side struct {
	k    sys.Kernel
	sim  *sim.Kernel // nil for the real one
	name string
}

// socket is one socket on both.
type socket struct {
	id      int
	fd      [2]int
	kind    kind
	addr    [2]unix.Sockaddr // a listener's
	backlog int
	queued  []*socket // the clients in its accept queue, in order
	peer    *socket   // a connection's other end, nil before accept
	peered  bool      // a datagram socket that has a peer
	spent   bool      // it was connected once, and has a port
}

type kind uint8

const (
	fresh kind = iota
	listening
	connected
)

// plenty is a buffer that no sequence fills. The step "fill" tests full buffers.
const plenty = 1 << 30

// arrivalLimit is how long what was sent may take to arrive on the real kernel, which may be
// busy. After the first difference it is shorter: rapid then searches for a shorter
// sequence.
var arrivalLimit = 20 * time.Second

// address is the loopback address of the next sequence. Each has another one, so ports do not
// run out, however many connections are in TIME_WAIT.
var address atomic.Uint32

// socketDir is the directory of the unix sockets.
var socketDir string

func newPair(t *rapid.T, domain int) *pair {
	k := sim.New(nil)
	k.RecvBuffer, k.SendBuffer = plenty, plenty
	p := &pair{t: t, domain: domain}
	p.sides = [2]*side{{k: k, sim: k, name: "simulated"}, {k: &uninterrupted{}, name: "real"}}
	address.Add(1)
	return p
}

// finish closes what is open. Real connections are reset, so that nothing stays in
// TIME_WAIT.
func (p *pair) finish() {
	for _, s := range p.sockets {
		for i, w := range p.sides {
			w.k.SetsockoptLinger(s.fd[i], &unix.Linger{Onoff: 1})
			w.k.Close(s.fd[i])
		}
	}
	for _, path := range p.paths {
		os.Remove(path)
	}
}

func (p *pair) note(format string, args ...any) {
	p.log = append(p.log, fmt.Sprintf(format, args...))
}

// disagree fails the test.
func (p *pair) disagree(what, simulated, real string) {
	arrivalLimit = 100 * time.Millisecond
	p.t.Fatalf("%s:\n  simulated: %s\n  real:      %s\nafter\n  %s", what, simulated, real, strings.Join(p.log, "\n  "))
}

// both makes a call on both kernels, which must return the same.
func (p *pair) both(what string, call func(w *side, i int) string) string {
	var answers [2]string
	for i, w := range p.sides {
		answers[i] = call(w, i)
	}
	p.note("%s: %s", what, answers[1])
	if answers[0] != answers[1] {
		p.disagree(what, answers[0], answers[1])
	}
	return answers[1]
}

// eventually is both for a call that changes nothing, and whose result on the real kernel may
// have to wait for an acknowledgement: the call is repeated.
func (p *pair) eventually(what string, call func(w *side, i int) string) {
	want := call(p.sides[0], 0)
	got, ok := p.until(want, func() string { return call(p.sides[1], 1) })
	p.note("%s: %s", what, got)
	if !ok {
		p.disagree(what, want, got)
	}
}

// until calls look until it returns want.
func (p *pair) until(want string, look func() string) (got string, ok bool) {
	var end time.Time
	for round := 0; ; round++ {
		if got = look(); got == want {
			return got, true
		}
		if end.IsZero() {
			end = time.Now().Add(arrivalLimit)
		}
		if time.Now().After(end) {
			return got, false
		}
		if round > 20 {
			p.sides[1].k.Poll(nil, 1)
		}
	}
}

const everyEvent = unix.POLLIN | unix.POLLPRI | unix.POLLOUT | unix.POLLRDHUP

// compareState waits until every socket has the same state on both kernels: what poll reports,
// and what can be read, unless there is an error that reading would clear.
func (p *pair) compareState() {
	want := p.state(0, nil)
	got, ok := p.until(want, func() string { return p.state(1, p.readable()) })
	if !ok {
		p.disagree("the state", want, got)
	}
}

// readable returns for each socket whether compareState may peek at it. The simulated kernel
// decides that for both.
func (p *pair) readable() []bool {
	may := make([]bool, len(p.sockets))
	for j, s := range p.sockets {
		mask := p.poll(0, s)
		may[j] = s.kind == connected && mask&unix.POLLERR == 0
	}
	return may
}

func (p *pair) state(i int, may []bool) string {
	if may == nil {
		may = p.readable()
	}
	var b strings.Builder
	buf := make([]byte, 512)
	for j, s := range p.sockets {
		mask := p.poll(i, s)
		fmt.Fprintf(&b, "%d[%s", s.id, allEvents(mask))
		if may[j] && mask&unix.POLLERR == 0 {
			n, errno := p.sides[i].k.Recv(s.fd[i], buf, unix.MSG_PEEK)
			fmt.Fprintf(&b, " %x %s", buf[:n], name(errno))
		}
		b.WriteString("] ")
	}
	return b.String()
}

func (p *pair) poll(i int, s *socket) int16 {
	entry := []unix.PollFd{{Fd: int32(s.fd[i]), Events: everyEvent}}
	p.sides[i].k.Poll(entry, 0)
	return entry[0].Revents
}

func allEvents(mask int16) string {
	text := events(mask)
	if mask&unix.POLLPRI != 0 {
		text += "|pri"
	}
	return text
}

func name(errno sys.Errno) string {
	if errno == 0 {
		return "ok"
	}
	return unix.ErrnoName(errno)
}

// open opens a socket on both kernels.
func (p *pair) open(typ int) *socket {
	s := &socket{id: p.made}
	p.made++
	for i, w := range p.sides {
		fd, errno := w.k.Socket(p.domain, typ|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if errno != 0 {
			p.t.Fatalf("socket: %v", errno)
		}
		s.fd[i] = fd
		if p.domain == unix.AF_INET && typ == unix.SOCK_STREAM {
			w.k.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
		}
	}
	p.sockets = append(p.sockets, s)
	return s
}

// bind binds s to a path of its own, or to an address with a free port.
func (p *pair) bind(s *socket) {
	for i, w := range p.sides {
		at := address.Load()
		var addr unix.Sockaddr = &unix.SockaddrInet4{Addr: [4]byte{127, byte(at>>16) | 64, byte(at >> 8), byte(at)}}
		if p.domain == unix.AF_UNIX {
			path := filepath.Join(socketDir, fmt.Sprint(at, w.name, s.id))
			p.paths = append(p.paths, path)
			addr = &unix.SockaddrUnix{Name: path}
		}
		if errno := w.k.Bind(s.fd[i], addr); errno != 0 {
			p.t.Fatalf("bind: %v", errno)
		}
		s.addr[i] = addr
	}
	p.name(s)
}

// name reads the ports of s.
func (p *pair) name(s *socket) {
	for i, w := range p.sides {
		if inet, ok := s.addr[i].(*unix.SockaddrInet4); ok {
			name, errno := w.k.Getsockname(s.fd[i])
			if errno != 0 {
				p.t.Fatalf("getsockname: %v", errno)
			}
			inet.Port = name.(*unix.SockaddrInet4).Port
		}
	}
}

// of returns the sockets of these kinds.
func (p *pair) of(kinds ...kind) []*socket {
	var some []*socket
	for _, s := range p.sockets {
		for _, k := range kinds {
			if s.kind == k {
				some = append(some, s)
			}
		}
	}
	return some
}

func (p *pair) drop(s *socket) {
	for j, other := range p.sockets {
		if other == s {
			p.sockets = append(p.sockets[:j:j], p.sockets[j+1:]...)
			return
		}
	}
}

// payload returns n bytes that differ from those before.
func (p *pair) payload(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(p.sent % 251)
		p.sent++
	}
	return b
}

// family returns the family that getpeername reports. The ports differ on the two kernels.
func family(k sys.Kernel, fd int) string {
	var peer unix.RawSockaddrAny
	if errno := k.Getpeername(fd, &peer); errno != 0 {
		return name(errno)
	}
	return fmt.Sprint((*unix.RawSockaddrUnix)(unsafe.Pointer(&peer)).Family)
}

// uninterrupted is the real kernel without the EINTR that signals of the Go runtime cause:
// select and poll return it even if they do not sleep.
type uninterrupted struct{ sys.Linux }

func again(call func() (int, sys.Errno)) (int, sys.Errno) {
	for {
		if n, errno := call(); errno != unix.EINTR {
			return n, errno
		}
	}
}

func (u *uninterrupted) Select(nfd int, r, w *unix.FdSet, timeout int) (int, sys.Errno) {
	return again(func() (int, sys.Errno) { return u.Linux.Select(nfd, r, w, timeout) })
}

func (u *uninterrupted) Poll(fds []unix.PollFd, timeout int) (int, sys.Errno) {
	return again(func() (int, sys.Errno) { return u.Linux.Poll(fds, timeout) })
}

func (u *uninterrupted) EpollWait(epfd int, events []unix.EpollEvent, timeout int) (int, sys.Errno) {
	return again(func() (int, sys.Errno) { return u.Linux.EpollWait(epfd, events, timeout) })
}

func (u *uninterrupted) Accept4(fd int, peer *unix.RawSockaddrAny, flags int) (int, sys.Errno) {
	return again(func() (int, sys.Errno) { return u.Linux.Accept4(fd, peer, flags) })
}

func (u *uninterrupted) Recv(fd int, p []byte, flags int) (int, sys.Errno) {
	return again(func() (int, sys.Errno) { return u.Linux.Recv(fd, p, flags) })
}

func (u *uninterrupted) Send(fd int, p []byte, flags int) (int, sys.Errno) {
	return again(func() (int, sys.Errno) { return u.Linux.Send(fd, p, flags) })
}
