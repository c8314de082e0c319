package sock

import (
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"echod/internal/sys"
)

// Listen makes the system calls itself: socket, setsockopt, bind and, for streams,
// listen. It returns the descriptor, which is non-blocking and close-on-exec, and the
// Spec with the address that was bound. Its Unlink removes the file of a unix socket.
// On an error nothing is left open.
func Listen(k sys.Kernel, s Spec, o Options) (fd int, bound Spec, err error) {
	domain, kind, addr := s.sockaddr()
	fd, errno := k.Socket(domain, kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if errno != 0 {
		return -1, s, callError(s, "socket", errno)
	}
	if err = setOptions(k, fd, s, o); err == nil {
		bound, err = bind(k, fd, s, addr)
	}
	if err != nil {
		k.Close(fd)
		return -1, s, err
	}
	return fd, bound, nil
}

func bind(k sys.Kernel, fd int, s Spec, addr unix.Sockaddr) (Spec, error) {
	if s.Network == "unix" {
		return bindUnix(k, fd, s, addr)
	}
	if s.Addr.Addr().Is6() {
		if errno := k.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, v6only(s)); errno != 0 {
			return s, callError(s, "setsockopt IPV6_V6ONLY", errno)
		}
	}
	if errno := k.Bind(fd, addr); errno != 0 {
		return s, callError(s, "bind", errno)
	}
	if s.Transport() == "tcp" {
		if errno := k.Listen(fd, Backlog); errno != 0 {
			return s, callError(s, "listen", errno)
		}
	}
	name, errno := k.Getsockname(fd)
	if errno != 0 {
		return s, callError(s, "getsockname", errno)
	}
	s.Addr = netip.AddrPortFrom(s.Addr.Addr(), portOf(name))
	return s, nil
}

// bindUnix sets the mode of the socket file between bind and listen. Before listen
// the kernel refuses every connect, so nobody can connect under the mode that the
// umask gave it.
func bindUnix(k sys.Kernel, fd int, s Spec, addr unix.Sockaddr) (Spec, error) {
	path, err := reserveUnixPath(s.Path)
	if err != nil {
		return s, &ListenError{s, err}
	}
	defer path.unlock()
	if errno := k.Bind(fd, addr); errno != 0 {
		return s, callError(s, "bind", errno)
	}
	if s.File, err = path.bound(); err != nil {
		return s, &ListenError{s, err}
	}
	if errno := k.Listen(fd, Backlog); errno != 0 {
		os.Remove(s.Path)
		return s, callError(s, "listen", errno)
	}
	return s, nil
}

func callError(s Spec, call string, errno sys.Errno) error {
	return &ListenError{s, os.NewSyscallError(call, errno)}
}

// v6only returns the value of IPV6_V6ONLY: 0 if the host is empty, because one socket
// then serves both families.
func v6only(s Spec) int {
	if s.Host == "" {
		return 0
	}
	return 1
}

// sockaddr returns the arguments of socket(2) and bind(2) for s.
func (s Spec) sockaddr() (domain, kind int, addr unix.Sockaddr) {
	kind = unix.SOCK_STREAM
	if s.Network == "udp" {
		kind = unix.SOCK_DGRAM
	}
	switch ip := s.Addr.Addr(); {
	case s.Network == "unix":
		return unix.AF_UNIX, kind, &unix.SockaddrUnix{Name: s.Path}
	case ip.Is4():
		return unix.AF_INET, kind, &unix.SockaddrInet4{Port: int(s.Addr.Port()), Addr: ip.As4()}
	default:
		return unix.AF_INET6, kind, &unix.SockaddrInet6{Port: int(s.Addr.Port()), Addr: ip.As16(), ZoneId: zoneID(ip.Zone())}
	}
}

func portOf(addr unix.Sockaddr) uint16 {
	switch a := addr.(type) {
	case *unix.SockaddrInet4:
		return uint16(a.Port)
	case *unix.SockaddrInet6:
		return uint16(a.Port)
	}
	return 0
}

// notSent is how many bytes the kernel accepts for a peer beyond those in flight
// (tcp(7), TCP_NOTSENT_LOWAT). Without it the send buffer grows to several megabytes
// for each stalled reader. With a much smaller value large answers are cut into many
// sends: 128 KiB cost a tenth of the throughput of messages of 1 MiB.
const notSent = 1 << 20

// datagramQueue is the size in bytes of the receive and of the send buffer of a
// datagram socket. The kernel drops what does not fit. It lowers the size to
// net.core.rmem_max and net.core.wmem_max.
const datagramQueue = 4 << 20

// setOptions sets the options of a socket, before or after bind. Accepted sockets
// inherit them from the listening one, so they cost no calls for each connection.
func setOptions(k sys.Kernel, fd int, s Spec, o Options) error {
	type option struct {
		name       string
		level, opt int
		value      int
	}
	var options []option
	switch s.Transport() {
	case "tcp":
		options = []option{
			{"SO_REUSEADDR", unix.SOL_SOCKET, unix.SO_REUSEADDR, 1},
			{"SO_OOBINLINE", unix.SOL_SOCKET, unix.SO_OOBINLINE, 1},
			{"SO_KEEPALIVE", unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
			{"TCP_NODELAY", unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
			{"TCP_KEEPIDLE", unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, seconds(o.KeepAlive.Idle)},
			{"TCP_KEEPINTVL", unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, seconds(o.KeepAlive.Interval)},
			{"TCP_KEEPCNT", unix.IPPROTO_TCP, unix.TCP_KEEPCNT, o.KeepAlive.Count},
			{"TCP_NOTSENT_LOWAT", unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, notSent},
		}
		if errno := k.SetsockoptLinger(fd, &unix.Linger{Onoff: 1}); errno != 0 {
			return callError(s, "setsockopt SO_LINGER", errno)
		}
	case "unix":
		options = []option{{"SO_OOBINLINE", unix.SOL_SOCKET, unix.SO_OOBINLINE, 1}}
	case "udp":
		options = []option{
			// An answer must never go to a broadcast address, not even to one that
			// the guard does not know. Without SO_BROADCAST the kernel refuses it
			// with EACCES (ip(7)). Go's net package sets the option.
			{"SO_BROADCAST", unix.SOL_SOCKET, unix.SO_BROADCAST, 0},
			{"SO_RCVBUF", unix.SOL_SOCKET, unix.SO_RCVBUF, datagramQueue},
			{"SO_SNDBUF", unix.SOL_SOCKET, unix.SO_SNDBUF, datagramQueue},
		}
		// Control messages cost a route look-up for each receive and send. Only a
		// socket with many addresses needs them to know where a datagram arrived.
		if s.Addr.Addr().IsUnspecified() {
			systemVRFs.refresh()
			options = append(options, option{"IP_PKTINFO", unix.IPPROTO_IP, unix.IP_PKTINFO, 1})
			if s.Addr.Addr().Is6() {
				options = append(options, option{"IPV6_RECVPKTINFO", unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1})
			}
		}
	}
	for _, opt := range options {
		if errno := k.SetsockoptInt(fd, opt.level, opt.opt, opt.value); errno != 0 {
			return callError(s, "setsockopt "+opt.name, errno)
		}
	}
	return nil
}

func seconds(d time.Duration) int { return max(int(d/time.Second), 1) }

// Control returns a function that sets the options of a socket of package net as
// Listen does for its own. It is for net.ListenConfig, which calls it before bind(2).
func Control(s Spec, o Options) func(network, address string, c syscall.RawConn) error {
	return func(_, _ string, c syscall.RawConn) error {
		return withFD(c, func(fd int) error { return setOptions(&sys.Linux{}, fd, s, o) })
	}
}

// withFD calls do with the descriptor of c and returns its error.
func withFD(c syscall.RawConn, do func(fd int) error) error {
	var failed error
	if err := c.Control(func(fd uintptr) { failed = do(int(fd)) }); err != nil {
		return err
	}
	return failed
}

// ListenUnix binds the unix socket s and returns a listener of package net. The
// listener does not remove the file; Unlink of the returned Spec does. On an error
// nothing is left open.
//
// It does not use net.Listen, which panics if getsockname(2) fails.
func ListenUnix(s Spec, o Options) (*net.UnixListener, Spec, error) {
	fd, bound, err := Listen(&sys.Linux{}, s, o)
	if err != nil {
		return nil, s, err
	}
	file := os.NewFile(uintptr(fd), s.Path)
	defer file.Close() // the listener has a duplicate
	ln, err := net.FileListener(file)
	if err != nil {
		bound.Unlink()
		return nil, s, NewListenError(s, err)
	}
	return ln.(*net.UnixListener), bound, nil
}

// hasIPv6 reports whether the kernel supports IPv6. With ipv6.disable=1 socket(2)
// fails with EAFNOSUPPORT.
func hasIPv6() bool {
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return false
	}
	unix.Close(fd)
	return true
}
