package sock

import (
	"fmt"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"

	"echod/internal/sys"
)

// Inherit prepares a socket that another process has bound, like one of Listen: it
// duplicates the descriptor, close-on-exec and non-blocking, and sets the options. The
// returned Spec is what the kernel says of the socket, with the engine that s names.
// The caller still has to close the file. On an error nothing is left open.
//
// Only connections that arrive later inherit the options. For one that was in the
// queue already, call SetOptions.
func Inherit(k sys.Kernel, file *os.File, s Spec, o Options) (fd int, bound Spec, err error) {
	bound, err = SpecOf(file)
	if err != nil {
		return -1, s, err
	}
	bound.Engine = s.Engine
	if fd, err = duplicate(file); err != nil {
		return -1, s, err
	}
	if err = setOptions(k, fd, bound, o); err != nil {
		k.Close(fd)
		return -1, s, err
	}
	return fd, bound, nil
}

// SetOptions sets the options of the listener s on a socket that it accepted. It is
// needed only for inherited listeners.
func SetOptions(k sys.Kernel, fd int, s Spec, o Options) error { return setOptions(k, fd, s, o) }

// duplicate returns a new descriptor of the same socket, close-on-exec and
// non-blocking.
func duplicate(file *os.File) (fd int, err error) {
	err = withFileFD(file, func(original int) error {
		if fd, err = unix.FcntlInt(uintptr(original), unix.F_DUPFD_CLOEXEC, 0); err != nil {
			return os.NewSyscallError("fcntl F_DUPFD_CLOEXEC", err)
		}
		if err := unix.SetNonblock(fd, true); err != nil {
			unix.Close(fd)
			return os.NewSyscallError("fcntl O_NONBLOCK", err)
		}
		return nil
	})
	if err != nil {
		return -1, fmt.Errorf("inherit %s: %w", file.Name(), err)
	}
	return fd, nil
}

// SpecOf returns the Spec of an inherited socket, as the kernel describes it. The error
// says why the descriptor cannot be served: it is not a socket, has another family or
// type, is a stream socket that does not listen or a datagram socket that is not bound.
func SpecOf(file *os.File) (Spec, error) {
	var s Spec
	err := withFileFD(file, func(fd int) (err error) {
		s, err = specOf(fd)
		return err
	})
	if err != nil {
		return Spec{}, fmt.Errorf("inherit %s: %w", file.Name(), err)
	}
	return s, nil
}

func specOf(fd int) (Spec, error) {
	kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil {
		return Spec{}, os.NewSyscallError("getsockopt SO_TYPE", err)
	}
	listens, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
	if err != nil {
		return Spec{}, os.NewSyscallError("getsockopt SO_ACCEPTCONN", err)
	}
	// Multipath TCP refuses some of the options, on which promises depend.
	if proto, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PROTOCOL); err == nil && proto == unix.IPPROTO_MPTCP {
		return Spec{}, fmt.Errorf("a multipath TCP socket is not served, plain tcp is")
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		return Spec{}, os.NewSyscallError("getsockname", err)
	}
	s, known := specFrom(fd, kind, name)
	switch {
	case !known:
		return s, fmt.Errorf("a socket of type %d is neither tcp, udp nor a unix stream", kind)
	case s.Network != "udp" && listens == 0:
		return s, fmt.Errorf("the %s socket does not listen", s.Network)
	case s.Network == "udp" && s.Addr.Port() == 0:
		return s, fmt.Errorf("the udp socket is not bound")
	}
	return s, nil
}

// specFrom returns the Spec that would bind a socket of this type to this name.
func specFrom(fd, kind int, name unix.Sockaddr) (Spec, bool) {
	network := map[int]string{unix.SOCK_STREAM: "tcp", unix.SOCK_DGRAM: "udp"}[kind]
	switch name := name.(type) {
	case *unix.SockaddrUnix:
		return Spec{Network: "unix", Path: name.Name}, kind == unix.SOCK_STREAM
	case *unix.SockaddrInet4:
		addr := netip.AddrFrom4(name.Addr)
		return Spec{Network: network, Host: addr.String(), Addr: netip.AddrPortFrom(addr, uint16(name.Port))}, network != ""
	case *unix.SockaddrInet6:
		addr := netip.AddrFrom16(name.Addr).WithZone(zoneName(name.ZoneId))
		s := Spec{Network: network, Host: addr.String(), Addr: netip.AddrPortFrom(addr, uint16(name.Port))}
		if only, err := unix.GetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY); err == nil && only == 0 && addr.IsUnspecified() {
			s.Host = ""
		}
		return s, network != ""
	}
	return Spec{}, false
}

// withFileFD calls do with the descriptor of file. File.Fd would make the socket
// blocking, which other processes may share.
func withFileFD(file *os.File, do func(fd int) error) error {
	raw, err := file.SyscallConn()
	if err != nil {
		return err
	}
	return withFD(raw, do)
}
