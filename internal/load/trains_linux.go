package load

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"

	"echod/internal/sys"
	"echod/internal/usage"
)

// enableTrains has the kernel divide what the socket sends into datagrams of the size of the plan
// (UDP_SEGMENT, since Linux 4.18), and put datagrams that arrive together (UDP_GRO, since 5.0): udp(7).
func (l *loop) enableTrains(fd int) sys.Errno {
	if errno := l.k.SetsockoptInt(fd, unix.SOL_UDP, unix.UDP_SEGMENT, l.Sizes.Max()); errno != 0 {
		return errno
	}
	return l.k.SetsockoptInt(fd, unix.SOL_UDP, unix.UDP_GRO, 1)
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

// datagramsPerTrain returns how many datagrams of that size a train can have: the kernel takes
// UDP_MAX_SEGMENTS, and not more bytes than a datagram of 64 KiB.
func datagramsPerTrain(size int) int { return min(maxTrain, maxDatagram/size) }

// controlSize is what the control message of UDP_GRO needs: an int.
const controlSize = 32

// control is the buffer of one header for control messages, aligned as cmsg(3) needs it.
type control struct {
	_     [0]uint64
	bytes [controlSize]byte
}

// segment returns the size of the datagrams in a received train; 0 if it is a datagram.
func (c *control) segment(length int) int {
	if length < unix.CmsgLen(4) {
		return 0
	}
	header := (*unix.Cmsghdr)(unsafe.Pointer(&c.bytes[0]))
	if header.Level != unix.SOL_UDP || header.Type != unix.UDP_GRO {
		return 0
	}
	return int(*(*int32)(unsafe.Pointer(&c.bytes[unix.CmsgLen(0)])))
}
