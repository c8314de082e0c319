//go:build unix && !linux

package sock

import (
	"os"
	"syscall"
)

// Control prepares a socket that Go's net package makes: SO_OOBINLINE, which
// accepted sockets inherit. It is for net.ListenConfig, which calls it before
// bind(2). What else Options ask for is set on each accepted connection.
func Control(s Spec, _ Options) func(network, address string, c syscall.RawConn) error {
	return func(_, _ string, c syscall.RawConn) error {
		if s.Transport() != "tcp" {
			return nil
		}
		var failed error
		err := c.Control(func(fd uintptr) {
			failed = os.NewSyscallError("setsockopt SO_OOBINLINE",
				syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_OOBINLINE, 1))
		})
		if err != nil {
			return err
		}
		return failed
	}
}
