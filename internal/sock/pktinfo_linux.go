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
		if err := unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1); err != nil {
			failed = os.NewSyscallError("setsockopt IPV6_RECVPKTINFO", err)
		}
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
// makes a datagram leave from info.Dst, and returns how many bytes it wrote: 0
// if info does not tell.
//
// The kernel chooses the interface, as it does for a stream's answers: the way
// back need not be the way in. Only a link-local address means nothing without
// its interface (ipv6(7)).
func PutControl(control []byte, info PktInfo) int {
	switch {
	case !info.Dst.IsValid():
		return 0
	case info.Dst.Is4():
		in4 := unix.Inet4Pktinfo{Spec_dst: info.Dst.As4()}
		return put(control, unix.IPPROTO_IP, unix.IP_PKTINFO, bytesOf(&in4))
	default:
		in6 := unix.Inet6Pktinfo{Addr: info.Dst.As16()}
		if info.Dst.IsLinkLocalUnicast() {
			in6.Ifindex = info.Index
		}
		return put(control, unix.IPPROTO_IPV6, unix.IPV6_PKTINFO, bytesOf(&in6))
	}
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
