package dial

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// bindWithoutPort makes connect(2) choose the local port, not bind(2) (ip(7),
// IP_BIND_ADDRESS_NO_PORT): so connections from one source address to several peers can
// use the same port. It is a Control of net.Dialer.
func bindWithoutPort(_, _ string, c syscall.RawConn) error {
	return c.Control(func(fd uintptr) {
		// A kernel before 4.2 does not have the option. It binds to a port then.
		unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
	})
}
