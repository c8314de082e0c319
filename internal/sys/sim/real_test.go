//go:build linux

package sim_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"echod/internal/sys"
	"echod/internal/sys/sim"
)

func TestSimulatedKernelBehavesAsTheRealOne(t *testing.T) {
	for _, seq := range sequences {
		t.Run(seq.name, func(t *testing.T) { compare(t, unix.AF_INET, seq.run) })
	}
	for _, seq := range unixSequences {
		t.Run("unix, "+seq.name, func(t *testing.T) {
			if seq.urgent && !sameUrgentOnUnix(t) {
				t.Skip("this kernel treats urgent data in another way")
			}
			compare(t, unix.AF_UNIX, seq.run)
		})
	}
}

func compare(t *testing.T, domain int, run func(*server)) {
	simulated := newServer(t, sim.New(nil), domain)
	run(simulated)
	simulated.finish()
	actual := newServer(t, &sys.Linux{}, domain)
	run(actual)
	actual.finish()
	if diff := cmp.Diff(simulated.log, actual.log); diff != "" {
		t.Errorf("what the server and its peer saw (-simulated +real):\n%s", diff)
	}
}

// peer is the other end of the connection.
type peer interface {
	send(string)
	sendUrgent(string)
	closeWrite()
	reset()
	addr() netip.AddrPort // none on a unix socket
	end() sim.End         // waits for it
}

// server makes the calls and logs their results.
type server struct {
	t        *testing.T
	k        sys.Kernel
	domain   int
	addr     string
	port     uint16
	listener int
	open     map[int]bool
	peer     peer
	log      []string
}

func newServer(t *testing.T, k sys.Kernel, domain int) *server {
	t.Helper()
	s := &server{t: t, k: k, domain: domain, open: map[int]bool{}}
	var errno sys.Errno
	s.listener, errno = k.Socket(domain, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	s.must("socket", errno)
	s.open[s.listener] = true
	t.Cleanup(func() {
		for fd := range s.open {
			k.Close(fd)
		}
	})
	s.must("setsockopt", k.SetsockoptLinger(s.listener, &unix.Linger{Onoff: 1}))
	var addr unix.Sockaddr = &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}
	if domain == unix.AF_UNIX {
		s.addr = filepath.Join(t.TempDir(), "s")
		addr = &unix.SockaddrUnix{Name: s.addr}
	}
	s.must("bind", k.Bind(s.listener, addr))
	s.must("listen", k.Listen(s.listener, 16))
	if domain == unix.AF_INET {
		name, errno := k.Getsockname(s.listener)
		s.must("getsockname", errno)
		s.port = uint16(name.(*unix.SockaddrInet4).Port)
		s.addr = fmt.Sprintf("127.0.0.1:%d", s.port)
	}
	return s
}

func (s *server) must(call string, errno sys.Errno) {
	s.t.Helper()
	if errno != 0 {
		s.t.Fatalf("%s: %v", call, errno)
	}
}

func (s *server) note(format string, args ...any) {
	s.log = append(s.log, fmt.Sprintf(format, args...))
}

func (s *server) connect() {
	k, simulated := s.k.(*sim.Kernel)
	switch {
	case simulated && s.domain == unix.AF_UNIX:
		s.peer = simPeer{k.DialUnix(s.addr)}
	case simulated:
		s.peer = simPeer{k.Dial(s.port)}
	default:
		s.peer = dialReal(s.t, map[int]string{unix.AF_INET: "tcp", unix.AF_UNIX: "unix"}[s.domain], s.addr)
	}
}

// acceptQueued accepts the connection in the queue.
func (s *server) acceptQueued() int {
	if s.peer != nil {
		s.await(s.listener, unix.POLLIN)
	}
	return s.accept4()
}

func (s *server) accept4() int {
	fd, errno := s.k.Accept4(s.listener, nil, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	s.note("accept4: %v", errno)
	if errno == 0 {
		s.open[fd] = true
	}
	return fd
}

func (s *server) accept() int {
	s.connect()
	return s.acceptQueued()
}

// await waits for event on fd, and logs all events that poll reports then.
func (s *server) await(fd int, event int16) {
	s.t.Helper()
	for range 10 {
		one := []unix.PollFd{{Fd: int32(fd), Events: event}}
		if _, errno := s.k.Poll(one, 2000); errno != 0 && errno != unix.EINTR {
			s.t.Fatalf("poll: %v", errno)
		}
		if one[0].Revents&event == 0 {
			continue
		}
		all := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN | unix.POLLOUT | unix.POLLRDHUP}}
		s.k.Poll(all, 0)
		s.note("poll: %s", events(all[0].Revents))
		return
	}
	s.t.Fatalf("no %s; log %q", events(event), s.log)
}

func events(mask int16) string {
	var names []string
	for _, e := range []struct {
		bit  int16
		name string
	}{{unix.POLLIN, "in"}, {unix.POLLOUT, "out"}, {unix.POLLERR, "err"}, {unix.POLLHUP, "hup"}, {unix.POLLRDHUP, "rdhup"}} {
		if mask&e.bit != 0 {
			names = append(names, e.name)
		}
	}
	return strings.Join(names, "|")
}

func (s *server) recv(fd, n int) { s.receive("recv", fd, n, 0) }
func (s *server) peek(fd, n int) { s.receive("peek", fd, n, unix.MSG_PEEK) }

func (s *server) receive(what string, fd, n, flags int) {
	p := make([]byte, n)
	got, errno := s.k.Recv(fd, p, flags)
	s.note("%s: %q %v", what, p[:got], errno)
}

func (s *server) send(fd int, text string) {
	n, errno := s.k.Send(fd, []byte(text), unix.MSG_NOSIGNAL)
	s.note("send: %d %v", n, errno)
}

// peername logs the family, and whether the address is the peer's.
func (s *server) peername(fd int) {
	var name unix.RawSockaddrAny
	if errno := s.k.Getpeername(fd, &name); errno != 0 {
		s.note("getpeername: %v", errno)
		return
	}
	from := netip.AddrPort{}
	if inet := (*unix.RawSockaddrInet4)(unsafe.Pointer(&name)); name.Addr.Family == unix.AF_INET {
		port := (*[2]byte)(unsafe.Pointer(&inet.Port))
		from = netip.AddrPortFrom(netip.AddrFrom4(inet.Addr), binary.BigEndian.Uint16(port[:]))
	}
	s.note("getpeername: family %d, the peer's %v", name.Addr.Family, from == s.peer.addr())
}

func (s *server) lingerOff(fd int) { s.must("setsockopt", s.k.SetsockoptLinger(fd, &unix.Linger{})) }

func (s *server) inline(fd int) {
	s.must("setsockopt", s.k.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_OOBINLINE, 1))
}

func (s *server) urgent(fd, n int) { s.receive("recv urgent", fd, n, unix.MSG_OOB) }

func (s *server) shutdown(fd, how int) { s.note("shutdown: %v", s.k.Shutdown(fd, how)) }

// poll logs what poll reports now.
func (s *server) poll(fd int) {
	all := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN | unix.POLLOUT | unix.POLLRDHUP}}
	s.k.Poll(all, 0)
	s.note("poll: %s", events(all[0].Revents))
}

func (s *server) close(fd int) {
	s.note("close: %v", s.k.Close(fd))
	delete(s.open, fd)
}

func (s *server) word(fd int) {
	var w [8]byte
	n, errno := s.k.Read(fd, w[:])
	s.note("read: %d %v", n, errno)
}

func (s *server) selects(fd int) {
	var r, w unix.FdSet
	r.Set(fd)
	w.Set(fd)
	n, errno := s.k.Select(fd+1, &r, &w, 0)
	s.note("select: %d %v, readable %v, writable %v", n, errno, r.IsSet(fd), w.IsSet(fd))
}

func (s *server) control(ep, op, fd int, events uint32) {
	s.note("epoll_ctl: %v", s.k.EpollCtl(ep, op, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)}))
}

func (s *server) epoll(ep int) {
	found := make([]unix.EpollEvent, 4)
	n, errno := s.k.EpollWait(ep, found, 0)
	s.note("epoll_wait: %d %v, %s", n, errno, events(int16(found[0].Events)))
}

// finish closes everything and logs how the connection ended for its peer.
func (s *server) finish() {
	for fd := range s.open {
		s.k.Close(fd)
	}
	clear(s.open)
	if s.peer != nil {
		s.note("the peer: %v", s.peer.end())
	}
}

// simPeer is the other end on the simulated kernel.
type simPeer struct{ p *sim.Peer }

func (f simPeer) send(text string)       { f.p.Send([]byte(text)) }
func (f simPeer) sendUrgent(text string) { f.p.SendUrgent([]byte(text)) }
func (f simPeer) closeWrite()            { f.p.CloseWrite() }
func (f simPeer) reset()                 { f.p.Reset() }
func (f simPeer) addr() netip.AddrPort   { return f.p.Addr() }
func (f simPeer) end() sim.End           { return f.p.End() }

// realPeer is the other end on the real one.
type realPeer struct {
	t    *testing.T
	conn net.Conn
	gone bool
}

func dialReal(t *testing.T, network, addr string) *realPeer {
	conn, err := net.Dial(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &realPeer{t: t, conn: conn}
}

func (f *realPeer) send(text string) {
	if _, err := f.conn.Write([]byte(text)); err != nil {
		f.t.Fatal(err)
	}
}

func (f *realPeer) sendUrgent(text string) {
	raw, err := f.conn.(syscall.Conn).SyscallConn()
	if err != nil {
		f.t.Fatal(err)
	}
	raw.Write(func(fd uintptr) bool {
		err = unix.Sendto(int(fd), []byte(text), unix.MSG_OOB, nil)
		return true
	})
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *realPeer) closeWrite() { f.conn.(interface{ CloseWrite() error }).CloseWrite() }

func (f *realPeer) reset() {
	f.conn.(*net.TCPConn).SetLinger(0)
	f.conn.Close()
	f.gone = true
}

func (f *realPeer) addr() netip.AddrPort {
	if tcp, ok := f.conn.LocalAddr().(*net.TCPAddr); ok {
		return tcp.AddrPort()
	}
	return netip.AddrPort{}
}

func (f *realPeer) end() sim.End {
	if f.gone {
		return sim.Reset
	}
	f.conn.SetReadDeadline(time.Now().Add(20 * time.Second)) // so that a hang is a failure
	_, err := io.Copy(io.Discard, f.conn)
	switch {
	case err == nil:
		return sim.Clean
	case errors.Is(err, syscall.ECONNRESET):
		return sim.Reset
	}
	f.t.Errorf("the peer's read: %v", err)
	return sim.StillOpen
}
