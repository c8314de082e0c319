//go:build linux

package sim

import (
	"encoding/binary"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// writeName writes addr as a sockaddr of the socket's domain and returns its
// size. An IPv6 socket sees IPv4 peers as mapped addresses (ipv6(7)).
func writeName(to unsafe.Pointer, domain int, addr netip.AddrPort) uint32 {
	switch domain {
	case unix.AF_INET:
		name := (*unix.RawSockaddrInet4)(to)
		*name = unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: addr.Addr().As4()}
		putPort(&name.Port, addr.Port())
		return unix.SizeofSockaddrInet4
	case unix.AF_INET6:
		name := (*unix.RawSockaddrInet6)(to)
		*name = unix.RawSockaddrInet6{Family: unix.AF_INET6, Addr: addr.Addr().As16()}
		putPort(&name.Port, addr.Port())
		return unix.SizeofSockaddrInet6
	}
	// A peer on a unix socket has no name usually: then only the family is written.
	*(*uint16)(to) = uint16(domain)
	return 2
}

// readName reads what writeName wrote.
func readName(from unsafe.Pointer) netip.AddrPort {
	switch *(*uint16)(from) {
	case unix.AF_INET:
		name := (*unix.RawSockaddrInet4)(from)
		return netip.AddrPortFrom(netip.AddrFrom4(name.Addr), getPort(&name.Port))
	case unix.AF_INET6:
		name := (*unix.RawSockaddrInet6)(from)
		return netip.AddrPortFrom(netip.AddrFrom16(name.Addr).Unmap(), getPort(&name.Port))
	}
	return netip.AddrPort{}
}

// Ports are in network byte order.
func putPort(to *uint16, port uint16) {
	binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(to))[:], port)
}

func getPort(from *uint16) uint16 {
	return binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(from))[:])
}

// writePktInfo writes the control message with the address at which a datagram arrived and
// returns its size, 0 if there is no space: struct in_pktinfo of ip(7) for an IPv4
// destination, else struct in6_pktinfo of ipv6(7).
func writePktInfo(control []byte, domain int, dst netip.Addr) int {
	data, level, kind := make([]byte, unix.SizeofInet4Pktinfo), unix.IPPROTO_IP, unix.IP_PKTINFO
	if dst = dst.Unmap(); dst.Is4() {
		addr := dst.As4()
		copy(data[4:], addr[:]) // ipi_spec_dst
		copy(data[8:], addr[:]) // ipi_addr
	} else {
		addr := dst.As16()
		data, level, kind = make([]byte, unix.SizeofInet6Pktinfo), unix.IPPROTO_IPV6, unix.IPV6_PKTINFO
		copy(data, addr[:])
	}
	return writeControl(control, level, kind, data)
}

// writeSegment does so with the size of the datagrams of a train (UDP_GRO).
func writeSegment(control []byte, size int) int {
	return writeControl(control, unix.IPPROTO_UDP, unix.UDP_GRO, binary.NativeEndian.AppendUint32(nil, uint32(size)))
}

func writeControl(control []byte, level, kind int, data []byte) int {
	size := unix.CmsgSpace(len(data))
	if len(control) < size {
		return 0
	}
	clear(control[:size])
	h := unix.Cmsghdr{Level: int32(level), Type: int32(kind)}
	h.SetLen(unix.CmsgLen(len(data)))
	copy(control, unsafe.Slice((*byte)(unsafe.Pointer(&h)), unix.SizeofCmsghdr))
	copy(control[unix.CmsgLen(0):], data)
	return size
}

// readControl returns the control messages of a message; none if they are not valid.
func readControl(control []byte) []unix.SocketControlMessage {
	messages, _ := unix.ParseSocketControlMessage(control)
	return messages
}

// readSegment returns the size in a control message UDP_SEGMENT; 0 if there is none.
func readSegment(control []byte) int {
	for _, m := range readControl(control) {
		if m.Header.Level == unix.IPPROTO_UDP && m.Header.Type == unix.UDP_SEGMENT {
			return int(binary.NativeEndian.Uint16(m.Data))
		}
	}
	return 0
}

// readPktInfo returns the source address in a control message; the zero Addr if there is none.
func readPktInfo(control []byte) netip.Addr {
	for _, m := range readControl(control) {
		switch {
		case m.Header.Level == unix.IPPROTO_IP && m.Header.Type == unix.IP_PKTINFO:
			return netip.AddrFrom4([4]byte(m.Data[4:8]))
		case m.Header.Level == unix.IPPROTO_IPV6 && m.Header.Type == unix.IPV6_PKTINFO:
			return netip.AddrFrom16([16]byte(m.Data[:16])).Unmap()
		}
	}
	return netip.Addr{}
}
