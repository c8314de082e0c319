//go:build linux

package sys

import (
	"encoding/binary"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// AddrPort returns the address in a sockaddr; the zero value if it is not one of IP, e.g. of a
// unix socket. An IPv4 address in IPv6 form (RFC 4291, section 2.5.5.2) stays one.
func AddrPort(peer *unix.RawSockaddrAny) netip.AddrPort {
	inet := (*unix.RawSockaddrInet4)(unsafe.Pointer(peer))
	port := binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(&inet.Port))[:]) // IPv6 has it at the same offset
	switch peer.Addr.Family {
	case unix.AF_INET:
		return netip.AddrPortFrom(netip.AddrFrom4(inet.Addr), port)
	case unix.AF_INET6:
		inet6 := (*unix.RawSockaddrInet6)(unsafe.Pointer(peer))
		return netip.AddrPortFrom(netip.AddrFrom16(inet6.Addr), port)
	}
	return netip.AddrPort{}
}
