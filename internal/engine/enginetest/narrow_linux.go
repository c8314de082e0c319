package enginetest

import (
	"errors"
	"syscall"
)

// narrow makes a socket's buffers and segments so small that a peer which does
// not read stalls the server early, and at little cost to the kernel.
func narrow(network, _ string, conn syscall.RawConn) error {
	var err error
	control := conn.Control(func(fd uintptr) {
		err = errors.Join(
			syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4<<10),
			syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_SNDBUF, 16<<10),
		)
		if network == "tcp4" || network == "tcp6" {
			err = errors.Join(err, syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_MAXSEG, 1024))
		}
	})
	return errors.Join(control, err)
}
