package sock

import (
	"net/netip"
	"os"

	"golang.org/x/sys/unix"

	"echod/internal/sys"
)

// Listen binds s by hand: socket, options, bind and, for streams, listen. It
// returns the descriptor, non-blocking and close-on-exec, and the Spec with the
// address really bound; a unix socket's file is removed by its Unlink. On an
// error nothing is left open.
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

// bindUnix gives the socket its mode between bind and listen: until then the
// kernel refuses every connect, so nobody gets in under the umask's mode.
func bindUnix(k sys.Kernel, fd int, s Spec, addr unix.Sockaddr) (Spec, error) {
	place, err := TakeUnix(s.Path)
	if err != nil {
		return s, &ListenError{s, err}
	}
	defer place.Leave()
	if errno := k.Bind(fd, addr); errno != 0 {
		return s, callError(s, "bind", errno)
	}
	if s.File, err = place.Bound(); err != nil {
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

// v6only is 0 only where the host was left empty: then one socket serves both
// families.
func v6only(s Spec) int {
	if s.Host == "" {
		return 0
	}
	return 1
}

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
