package dial

import (
	"encoding/binary"
	"errors"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// bindWithoutPort makes connect(2) choose the local port, not bind(2) (ip(7),
// IP_BIND_ADDRESS_NO_PORT): so connections from one source address to several peers can
// use the same port.
func bindWithoutPort(fd int) {
	// A kernel before 4.2 does not have the option. It binds to a port then.
	unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
}

// HasDiscovery and the others report which options of [Socket] this system has.
const hasInterface, hasTOS, HasDiscovery = true, true, true

var discoveries = map[Discovery]int{
	DiscoverDo: unix.IP_PMTUDISC_DO, DiscoverWant: unix.IP_PMTUDISC_WANT,
	DiscoverDont: unix.IP_PMTUDISC_DONT, DiscoverProbe: unix.IP_PMTUDISC_PROBE,
} // IPv6 has the same numbers (ipv6(7))

// set gives the options to a socket that is not connected.
func (s Socket) set(fd int, ipv6 bool) error {
	level, discover := unix.IPPROTO_IP, unix.IP_MTU_DISCOVER
	if ipv6 {
		level, discover = unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER
	}
	if s.Interface != "" {
		if err := bindToDevice(fd, s.Interface); err != nil {
			return err
		}
	}
	if err := s.setTOS(fd, ipv6); err != nil {
		return err
	}
	if s.Discovery != "" {
		if err := unix.SetsockoptInt(fd, level, discover, discoveries[s.Discovery]); err != nil {
			return os.NewSyscallError("setsockopt IP_MTU_DISCOVER", err)
		}
	}
	return nil
}

// receiveTTL makes the kernel report the TTL, or the hop limit, of each datagram.
func receiveTTL(fd int, ipv6 bool) error {
	level, option := unix.IPPROTO_IP, unix.IP_RECVTTL
	if ipv6 {
		level, option = unix.IPPROTO_IPV6, unix.IPV6_RECVHOPLIMIT
	}
	return os.NewSyscallError("setsockopt IP_RECVTTL", unix.SetsockoptInt(fd, level, option, 1))
}

func bindToDevice(fd int, name string) error {
	return os.NewSyscallError("setsockopt SO_BINDTODEVICE", unix.BindToDevice(fd, name))
}

// tryInterface reports whether a socket can be bound to an interface. Before Linux 5.7 that
// needs CAP_NET_RAW.
func tryInterface(name string) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	return bindToDevice(fd, name)
}

// MTU returns the MTU of the path to the peer of c, as far as the kernel knows: IP_MTU
// (ip(7)), IPV6_MTU (ipv6(7)). That of the interface is the most it can be.
func MTU(c net.Conn) (mtu int, err error) {
	socket, ok := c.(syscall.Conn)
	if !ok {
		return 0, errors.ErrUnsupported
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return 0, err
	}
	level, option := unix.IPPROTO_IP, unix.IP_MTU
	if isIPv6(c) {
		level, option = unix.IPPROTO_IPV6, unix.IPV6_MTU
	}
	failed := raw.Control(func(fd uintptr) { mtu, err = unix.GetsockoptInt(int(fd), level, option) })
	if failed != nil {
		return 0, failed
	}
	return mtu, os.NewSyscallError("getsockopt IP_MTU", err)
}

// controlSize holds the control messages of a datagram: one of them is 4 bytes.
const controlSize = 64

// parseTTL returns the TTL in control messages, 0 if there is none.
func parseTTL(control []byte) int {
	for len(control) > 0 {
		header, data, rest, err := unix.ParseOneSocketControlMessage(control)
		if err != nil {
			return 0
		}
		isTTL := header.Level == unix.IPPROTO_IP && header.Type == unix.IP_TTL ||
			header.Level == unix.IPPROTO_IPV6 && header.Type == unix.IPV6_HOPLIMIT
		if isTTL && len(data) >= 4 {
			return int(binary.NativeEndian.Uint32(data))
		}
		control = rest
	}
	return 0
}

// Retransmits returns how many segments the kernel has sent again on c, or on the
// connection below TLS: right after the connect, SYNs (tcp(7), TCP_INFO). It is 0 if that
// is not known.
func Retransmits(c net.Conn) int64 {
	conn, ok := Transport(c).(*net.TCPConn)
	if !ok {
		return 0
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0
	}
	n := int64(0)
	raw.Control(func(fd uintptr) {
		if info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO); err == nil {
			n = int64(info.Total_retrans)
		}
	})
	return n
}
