package sock

import (
	"fmt"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"echod/internal/sys"
)

// Listen binds s by hand: socket, options, bind and, for streams, listen. It
// returns the descriptor, non-blocking and close-on-exec, and the Spec with the
// address really bound. On an error nothing is left open.
func Listen(k sys.Kernel, s Spec, o Options) (fd int, bound Spec, err error) {
	domain, kind, addr := s.sockaddr()
	fd, errno := k.Socket(domain, kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if errno != 0 {
		return -1, s, callError(s, "socket", errno)
	}
	if bound, err = listen(k, fd, s, addr, o); err != nil {
		k.Close(fd)
		return -1, s, err
	}
	return fd, bound, nil
}

func listen(k sys.Kernel, fd int, s Spec, addr unix.Sockaddr, o Options) (Spec, error) {
	if err := setOptions(k, fd, s, o); err != nil {
		return s, err
	}
	if errno := k.Bind(fd, addr); errno != 0 {
		return s, callError(s, "bind", errno)
	}
	if s.Network != "udp" {
		if errno := k.Listen(fd, Backlog); errno != 0 {
			return s, callError(s, "listen", errno)
		}
	}
	if s.Network == "unix" {
		return s, nil
	}
	name, errno := k.Getsockname(fd)
	if errno != 0 {
		return s, callError(s, "getsockname", errno)
	}
	s.Addr = netip.AddrPortFrom(s.Addr.Addr(), portOf(name))
	return s, nil
}

func callError(s Spec, call string, errno sys.Errno) error {
	return fmt.Errorf("listen %s: %w", s, os.NewSyscallError(call, errno))
}

// setOptions prepares the socket before it is bound. What is set on a listening
// socket every accepted one inherits, so nothing is paid for each connection.
func setOptions(k sys.Kernel, fd int, s Spec, o Options) error {
	type option struct {
		name       string
		level, opt int
		value      int
	}
	var options []option
	switch s.Network {
	case "tcp":
		options = []option{
			{"SO_REUSEADDR", unix.SOL_SOCKET, unix.SO_REUSEADDR, 1},
			{"SO_OOBINLINE", unix.SOL_SOCKET, unix.SO_OOBINLINE, 1},
			{"SO_KEEPALIVE", unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
			{"TCP_NODELAY", unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
			{"TCP_KEEPIDLE", unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, seconds(o.KeepAlive.Idle)},
			{"TCP_KEEPINTVL", unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, seconds(o.KeepAlive.Interval)},
			{"TCP_KEEPCNT", unix.IPPROTO_TCP, unix.TCP_KEEPCNT, o.KeepAlive.Count},
			{"TCP_USER_TIMEOUT", unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(o.UserTimeout.Milliseconds())},
		}
		if errno := k.SetsockoptLinger(fd, &unix.Linger{Onoff: 1}); errno != 0 {
			return callError(s, "setsockopt SO_LINGER", errno)
		}
	case "udp":
		options = []option{
			{"IP_PKTINFO", unix.IPPROTO_IP, unix.IP_PKTINFO, 1},
		}
		if s.Addr.Addr().Is6() {
			options = append(options, option{"IPV6_RECVPKTINFO", unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1})
		}
	}
	if s.Network != "unix" && s.Addr.Addr().Is6() {
		options = append(options, option{"IPV6_V6ONLY", unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, v6only(s)})
	}
	for _, opt := range options {
		if errno := k.SetsockoptInt(fd, opt.level, opt.opt, opt.value); errno != 0 {
			return callError(s, "setsockopt "+opt.name, errno)
		}
	}
	return nil
}

// v6only is 0 only where the host was left empty: then one socket serves both
// families.
func v6only(s Spec) int {
	if s.Host == "" {
		return 0
	}
	return 1
}

func seconds(d time.Duration) int { return max(int(d/time.Second), 1) }

// sockaddr says the address in the kernel's terms.
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
