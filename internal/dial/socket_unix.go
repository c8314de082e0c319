//go:build unix

package dial

import (
	"os"

	"golang.org/x/sys/unix"
)

// setTOS sets the TOS byte, or the traffic class, of the packets of a socket.
func (s Socket) setTOS(fd int, ipv6 bool) error {
	switch {
	case s.TOS == 0:
		return nil
	case ipv6:
		return os.NewSyscallError("setsockopt IPV6_TCLASS", unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_TCLASS, int(s.TOS)))
	}
	return os.NewSyscallError("setsockopt IP_TOS", unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_TOS, int(s.TOS)))
}
