package sock

import (
	"os"
	"syscall"
)

// soOOBInline is SO_OOBINLINE of winsock2.h.
const soOOBInline = 0x0100

// Control prepares a socket that Go's net package makes: SO_OOBINLINE, which
// accepted sockets inherit. It is for net.ListenConfig, which calls it before
// bind. What else Options ask for is set on each accepted connection.
func Control(s Spec, _ Options) func(network, address string, c syscall.RawConn) error {
	return func(_, _ string, c syscall.RawConn) error {
		if s.Transport() != "tcp" {
			return nil
		}
		var failed error
		err := c.Control(func(fd uintptr) {
			failed = os.NewSyscallError("setsockopt SO_OOBINLINE",
				syscall.SetsockoptInt(syscall.Handle(fd), syscall.SOL_SOCKET, soOOBInline, 1))
		})
		if err != nil {
			return err
		}
		return failed
	}
}
