package sock

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"echod/internal/sys"
)

// ControlSize is the space in bytes for the control messages of one message. A
// dual-stack socket gets two for an IPv4 peer: that of ip(7) and that of ipv6(7). The third
// is UDP_GRO.
const ControlSize = sizeofHeader + 16 + sizeofHeader + 24 + sizeofHeader + 8

// sizeofHeader is CMSG_LEN(0). The data follows it; the next header is aligned to a
// word.
const (
	sizeofHeader = unix.SizeofCmsghdr
	wordSize     = int(unsafe.Sizeof(uintptr(0)))
	sizeofInt    = int(unsafe.Sizeof(int32(0)))
)

// ReceivePktInfo asks for a control message with every datagram of the socket c, as
// Listen does for its own: IP_PKTINFO, and for an IPv6 socket IPV6_RECVPKTINFO.
func ReceivePktInfo(c syscall.RawConn) error {
	systemVRFs.refresh()
	return withFD(c, func(fd int) error {
		domain, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
		if err != nil {
			return os.NewSyscallError("getsockopt SO_DOMAIN", err)
		}
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_PKTINFO, 1); err != nil {
			return os.NewSyscallError("setsockopt IP_PKTINFO", err)
		}
		if domain != unix.AF_INET6 {
			return nil
		}
		return os.NewSyscallError("setsockopt IPV6_RECVPKTINFO",
			unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1))
	})
}

// ReceiveTrains asks for trains on the datagram socket fd (UDP_GRO, since Linux 5.0), or no
// longer. It reports whether the kernel has them. Then it also sends trains (UDP_SEGMENT, since
// Linux 4.18). The option is of the socket, so every process that shares it receives trains.
func ReceiveTrains(k sys.Kernel, fd int, want bool) bool {
	value := 0
	if want {
		value = 1
	}
	return k.SetsockoptInt(fd, unix.IPPROTO_UDP, unix.UDP_GRO, value) == 0
}

// ReceiveTrains is ReceiveTrains for a socket of package net.
func (c Calls) ReceiveTrains(conn syscall.Conn, want bool) (received bool) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return false
	}
	raw.Control(func(fd uintptr) { received = ReceiveTrains(c.kernel(), int(fd), want) })
	return received
}

// ParseControl reads the control messages of one message: struct in_pktinfo of ip(7) or
// struct in6_pktinfo of ipv6(7), and UDP_GRO of udp(7). It ignores others. Without any of
// them the PktInfo is zero.
func ParseControl(control []byte) PktInfo {
	var info PktInfo
	for len(control) >= sizeofHeader {
		// It is copied, because control need not be aligned.
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
			info.Dst, info.Index = netip.AddrFrom4(in4.Addr), uint32(in4.Ifindex)
		case h.Level == unix.IPPROTO_IPV6 && h.Type == unix.IPV6_PKTINFO && len(data) >= unix.SizeofInet6Pktinfo:
			var in6 unix.Inet6Pktinfo
			copy(bytesOf(&in6), data)
			info.Dst, info.Index = netip.AddrFrom16(in6.Addr).Unmap(), in6.Ifindex
		case h.Level == unix.IPPROTO_UDP && h.Type == unix.UDP_GRO && len(data) >= sizeofInt:
			info.Segment = uint16(binary.NativeEndian.Uint32(data))
		}
		control = control[min(aligned(size), len(control)):]
	}
	return info
}

// PutControl writes the control messages with which a message to the address to leaves
// from info.Dst, as datagrams of info.Segment bytes. It returns how many bytes it wrote into
// control, which must have at least ControlSize: 0 if info.Dst is unknown and the message is
// one datagram.
//
// In general it leaves the choice of the interface to the routing table, as it is for
// streams: the answer may leave by another interface than that of arrival. An interface
// in the control message (ipi_ifindex of ip(7), ipi6_ifindex of ipv6(7)) overrides the
// table, so one is set only in two cases, in which the table cannot know it:
//
//   - If info.Dst or to is link-local, it is the interface of arrival. Link-local
//     addresses are not forwarded, and each link has its own (RFC 4291 section 2.5.6,
//     RFC 3927 section 2.7). The table may have them on another link, or on none.
//   - If the datagram arrived in a VRF, it is the VRF, so that the routing table of the
//     VRF decides. Only a socket that is not bound to a device needs that. It receives
//     from VRFs only with net.ipv4.udp_l3mdev_accept=1
//     (Documentation/networking/vrf.rst). The setting is read when a datagram socket
//     for every address is opened.
//
// A socket that is bound to a device (SO_BINDTODEVICE, systemd's BindToDevice=) sends
// by that device, since Linux 4.20 with a control message too.
func PutControl(control []byte, info PktInfo, to netip.Addr) int {
	n := 0
	switch {
	case !info.Dst.IsValid():
	case info.Dst.Is4():
		in4 := unix.Inet4Pktinfo{Spec_dst: info.Dst.As4(), Ifindex: int32(info.outgoing(to))}
		n = put(control, unix.IPPROTO_IP, unix.IP_PKTINFO, bytesOf(&in4))
	default:
		in6 := unix.Inet6Pktinfo{Addr: info.Dst.As16(), Ifindex: info.outgoing(to)}
		n = put(control, unix.IPPROTO_IPV6, unix.IPV6_PKTINFO, bytesOf(&in6))
	}
	if info.Segment != 0 {
		n += put(control[n:], unix.IPPROTO_UDP, unix.UDP_SEGMENT, bytesOf(&info.Segment))
	}
	return n
}

// outgoing returns the index of the interface by which an answer to the address to must
// leave, 0 if the routing table decides.
func (info PktInfo) outgoing(to netip.Addr) uint32 {
	if info.Dst.IsLinkLocalUnicast() || to.Unmap().IsLinkLocalUnicast() {
		return info.Index
	}
	return systemVRFs.of(info.Index)
}

// put writes one control message and returns its size with padding (CMSG_SPACE of
// cmsg(3)).
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

// bytesOf returns the memory of a struct.
func bytesOf[T any](v *T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(v)), unsafe.Sizeof(*v))
}

// Rebind binds the datagram socket fd to s again if the kernel has unbound it, and
// reports whether it had. SOCK_DESTROY of sock_diag(7), which ss -K sends, unbinds a
// socket whose port the kernel had chosen. A socket that asked for its port stays
// bound. Both receive again once they are bound.
func Rebind(k sys.Kernel, fd int, s Spec) (rebound bool, err error) {
	name, errno := k.Getsockname(fd)
	if errno != 0 {
		return false, callError(s, "getsockname", errno)
	}
	if portOf(name) != 0 {
		return false, nil
	}
	_, _, addr := s.sockaddr()
	if errno := k.Bind(fd, addr); errno != 0 {
		return false, callError(s, "bind", errno)
	}
	return true, nil
}

// vrfs finds out which interfaces belong to a VRF. It reads files of sysfs and procfs. It
// may be used from any goroutine.
type vrfs struct {
	sys     string      // /sys/class/net
	accept  string      // the file of udp_l3mdev_accept
	enabled atomic.Bool // the content of accept, at the last refresh
	table   atomic.Pointer[vrfTable]
}

// vrfTable is what scan found at the time read.
type vrfTable struct {
	read time.Time
	of   map[uint32]uint32 // from the index of an interface to that of its VRF
}

var systemVRFs = vrfs{sys: "/sys/class/net", accept: "/proc/sys/net/ipv4/udp_l3mdev_accept"}

// ReadsVRFs reports whether PutControl reads files of sysfs: those about VRFs, if a datagram
// socket may receive from one.
func ReadsVRFs() bool { return systemVRFs.enabled.Load() }

// vrfTableAge is how long a table is used: interfaces rarely move from one VRF to
// another.
const vrfTableAge = 10 * time.Second

// refresh reads whether sockets that are not bound to a device receive datagrams from
// VRFs. If they do not, of reads no table.
func (v *vrfs) refresh() {
	text, err := os.ReadFile(v.accept)
	v.enabled.Store(err == nil && string(bytes.TrimSpace(text)) == "1")
}

// of returns the index of the VRF that the interface index belongs to, or is; 0 if none.
func (v *vrfs) of(index uint32) uint32 {
	if !v.enabled.Load() {
		return 0
	}
	table := v.table.Load()
	if now := time.Now(); table == nil || now.Sub(table.read) > vrfTableAge {
		table = &vrfTable{now, v.scan()}
		v.table.Store(table)
	}
	return table.of[index]
}

// scan reads the table. An interface that cannot be read belongs to no VRF.
func (v *vrfs) scan() map[uint32]uint32 {
	found := make(map[uint32]uint32)
	links, _ := os.ReadDir(v.sys)
	for _, link := range links {
		dir := filepath.Join(v.sys, link.Name())
		for _, vrf := range []string{dir, filepath.Join(dir, "master")} {
			if isVRF(vrf) {
				found[indexOf(dir)] = indexOf(vrf)
			}
		}
	}
	delete(found, 0)
	return found
}

// isVRF reports whether the interface with this directory is a VRF.
func isVRF(dir string) bool {
	text, err := os.ReadFile(filepath.Join(dir, "uevent"))
	return err == nil && bytes.Contains(text, []byte("DEVTYPE=vrf\n"))
}

// indexOf returns the index of the interface with this directory, 0 if unknown.
func indexOf(dir string) uint32 {
	text, _ := os.ReadFile(filepath.Join(dir, "ifindex"))
	n, _ := strconv.ParseUint(string(bytes.TrimSpace(text)), 10, 32)
	return uint32(n)
}
