package sock

import (
	"syscall"

	"echod/internal/sys"
)

// Rebind binds the datagram socket fd to s again if the kernel has unbound it,
// and reports whether that was so. SOCK_DESTROY of sock_diag(7), which ss -K
// sends, unbinds a socket whose port the kernel had chosen, and leaves one that
// asked for its port bound. Either goes on receiving once it is bound.
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

// RebindConn is Rebind for a socket of package net.
func (c Calls) RebindConn(conn syscall.Conn, s Spec) (rebound bool, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return false, err
	}
	failed := raw.Control(func(fd uintptr) { rebound, err = Rebind(c.kernel(), int(fd), s) })
	if failed != nil {
		return false, failed
	}
	return rebound, err
}
