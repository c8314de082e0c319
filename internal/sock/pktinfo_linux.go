package sock

import (
	"net/netip"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ControlSize is the space in bytes for the control data of one datagram. A
// dual-stack socket gets both kinds for an IPv4 peer: ip(7)'s and ipv6(7)'s.
const ControlSize = sizeofHeader + 16 + sizeofHeader + 24

// sizeofHeader is CMSG_LEN(0). The payload follows at once; the next header is
// aligned to a word.
const (
	sizeofHeader = unix.SizeofCmsghdr
	wordSize     = int(unsafe.Sizeof(uintptr(0)))
)

// ReceivePktInfo asks for control data with every datagram of the socket c, as
// Listen does for its own: IP_PKTINFO, and for an IPv6 socket IPV6_RECVPKTINFO.
func ReceivePktInfo(c syscall.RawConn) error {
	systemVRFs.watch()
	var failed error
	err := c.Control(func(fd uintptr) {
		domain, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_DOMAIN)
		if err != nil {
			failed = os.NewSyscallError("getsockopt SO_DOMAIN", err)
			return
		}
		if err := unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_PKTINFO, 1); err != nil {
			failed = os.NewSyscallError("setsockopt IP_PKTINFO", err)
			return
		}
		if domain != unix.AF_INET6 {
			return
		}
		failed = os.NewSyscallError("setsockopt IPV6_RECVPKTINFO",
			unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1))
	})
	if err != nil {
		return err
	}
	return failed
}

// ParseControl reads what the kernel put into control with one datagram: struct
// in_pktinfo of ip(7) or struct in6_pktinfo of ipv6(7). Other control data is
// passed over; without any of the two the PktInfo is zero.
func ParseControl(control []byte) PktInfo {
	var info PktInfo
	for len(control) >= sizeofHeader {
		// Copied, not pointed at: the caller's buffer owes no alignment.
		var h unix.Cmsghdr
		copy(bytesOf(&h), control)
		size := int(h.Len)
		if size < sizeofHeader || size > len(control) {
			break
		}
		data := control[sizeofHeader:size]
		switch {
		case h.Level == unix.IPPROTO_IP && h.Type == unix.IP_PKTINFO && len(data) >= unix.SizeofInet4Pktinfo:
			var in4 unix.Inet4Pktinfo
			copy(bytesOf(&in4), data)
			info = PktInfo{Dst: netip.AddrFrom4(in4.Addr), Index: uint32(in4.Ifindex)}
		case h.Level == unix.IPPROTO_IPV6 && h.Type == unix.IPV6_PKTINFO && len(data) >= unix.SizeofInet6Pktinfo:
			var in6 unix.Inet6Pktinfo
			copy(bytesOf(&in6), data)
			info = PktInfo{Dst: netip.AddrFrom16(in6.Addr).Unmap(), Index: in6.Ifindex}
		}
		control = control[min(aligned(size), len(control)):]
	}
	return info
}

// PutControl writes into control, which has at least ControlSize bytes, what
// makes a datagram to the address to leave from info.Dst, and returns how many
// bytes it wrote: 0 if info does not tell.
//
// The routing table chooses the interface, as it does for a stream's answers: the
// way back need not be the way in, and an interface given here (ipi_ifindex of
// ip(7), ipi6_ifindex of ipv6(7)) would override the table. So one is given only
// where the table cannot know the way:
//
//   - If info.Dst or to is link-local, it is the interface of arrival. Nothing
//     forwards such addresses, and each link has its own (RFC 4291 section 2.5.6,
//     RFC 3927 section 2.7); the table may have them on another link, or on none.
//   - If the datagram arrived in a VRF, it is the VRF, whose own table then
//     decides. Only a socket that no device is bound to needs that, and only with
//     net.ipv4.udp_l3mdev_accept=1 does it receive from VRFs at all
//     (Documentation/networking/vrf.rst). The setting counts as it was when the
//     last datagram socket for every address was opened.
//
// A socket that is bound to a device (SO_BINDTODEVICE, systemd's BindToDevice=)
// needs nothing here: the kernel sends by that device, since Linux 4.20 with
// control data too.
func PutControl(control []byte, info PktInfo, to netip.Addr) int {
	switch {
	case !info.Dst.IsValid():
		return 0
	case info.Dst.Is4():
		in4 := unix.Inet4Pktinfo{Spec_dst: info.Dst.As4(), Ifindex: int32(info.way(to))}
		return put(control, unix.IPPROTO_IP, unix.IP_PKTINFO, bytesOf(&in4))
	default:
		in6 := unix.Inet6Pktinfo{Addr: info.Dst.As16(), Ifindex: info.way(to)}
		return put(control, unix.IPPROTO_IPV6, unix.IPV6_PKTINFO, bytesOf(&in6))
	}
}

// way is the number of the interface that an answer to the address to must leave
// by, 0 if the routing table is to choose.
func (info PktInfo) way(to netip.Addr) uint32 {
	if info.Dst.IsLinkLocalUnicast() || to.Unmap().IsLinkLocalUnicast() {
		return info.Index
	}
	return systemVRFs.of(info.Index)
}

// put writes one control message and returns its size with the padding
// (CMSG_SPACE of cmsg(3)).
func put(control []byte, level, typ int32, data []byte) int {
	h := unix.Cmsghdr{Level: level, Type: typ}
	h.SetLen(sizeofHeader + len(data))
	size := aligned(sizeofHeader + len(data))
	clear(control[:size])
	copy(control, bytesOf(&h))
	copy(control[sizeofHeader:size], data)
	return size
}

func aligned(n int) int { return (n + wordSize - 1) &^ (wordSize - 1) }

// bytesOf is the memory of a struct as the kernel sees it.
func bytesOf[T any](v *T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(v)), unsafe.Sizeof(*v))
}
