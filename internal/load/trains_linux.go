package load

import (
	"fmt"

	"golang.org/x/sys/unix"

	"echod/internal/sock"
	"echod/internal/sys"
	"echod/internal/usage"
)

// enableTrains has the kernel divide what the socket sends into datagrams of the size of the plan
// (UDP_SEGMENT, since Linux 4.18), and put datagrams that arrive together (UDP_GRO, since 5.0): udp(7).
func (l *loop) enableTrains(fd int) sys.Errno {
	if errno := l.k.SetsockoptInt(fd, unix.SOL_UDP, unix.UDP_SEGMENT, l.Sizes.Max()); errno != 0 {
		return errno
	}
	if !sock.ReceiveTrains(l.k, fd, true) {
		return unix.ENOPROTOOPT
	}
	return 0
}

// checkTrains makes a socket, to find out whether trains can be sent. Nothing is sent on it. The
// error is a *usage.Error if they cannot.
func (l *loop) checkTrains() error {
	fd, errno := l.socket(&l.slots[0])
	if fd >= 0 {
		defer l.k.Close(fd)
	}
	if errno != 0 {
		return usage.New("--gso: a socket for trains cannot be made here ("+errno.Error()+")", "want Linux 5.0 or later, which has UDP_SEGMENT and UDP_GRO, or omit it")
	}
	if !sys.IsReal(l.k) || l.k.Connect(fd, l.addrOf(&l.slots[0])) != 0 {
		return nil // the connection of the load will say why
	}
	level, option, headers := unix.IPPROTO_IP, unix.IP_MTU, 20+8
	if _, ok := l.addrOf(&l.slots[0]).(*unix.SockaddrInet6); ok {
		level, option, headers = unix.IPPROTO_IPV6, unix.IPV6_MTU, 40+8
	}
	mtu, err := unix.GetsockoptInt(fd, level, option)
	if err != nil {
		return nil // a send will fail if it is too small
	}
	return fits(l.Sizes.Max(), mtu, headers)
}

// fits reports whether a datagram of a train fits into the MTU, with its headers. The error is a
// *usage.Error.
func fits(size, mtu, headers int) error {
	if size <= mtu-headers {
		return nil
	}
	return usage.New(fmt.Sprintf("--gso with datagrams of %d bytes, and an MTU of %d", size, mtu),
		fmt.Sprintf("want at most %d, because datagrams of a train are not fragmented", mtu-headers))
}
