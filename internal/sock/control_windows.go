package sock

import (
	"os"
	"syscall"
)

// soOOBInline is SO_OOBINLINE of winsock2.h.
const soOOBInline = 0x0100

// Control prepares a socket that Go's net package makes: SO_OOBINLINE, which
// accepted sockets inherit, and of datagrams no SO_BROADCAST, which Go sets. It is for net.ListenConfig, which calls it before
// bind. What else Options ask for is set on each accepted connection.
func Control(s Spec, _ Options) func(network, address string, c syscall.RawConn) error {
	return func(_, _ string, c syscall.RawConn) error {
		switch s.Transport() {
		case "tcp":
			return setOption(c, "SO_OOBINLINE", soOOBInline, 1)
		case "udp":
			return setOption(c, "SO_BROADCAST", syscall.SO_BROADCAST, 0)
		}
		return nil
	}
}

func setOption(c syscall.RawConn, name string, option, value int) error {
	var failed error
	err := c.Control(func(fd uintptr) {
		failed = os.NewSyscallError("setsockopt "+name, syscall.SetsockoptInt(syscall.Handle(fd), syscall.SOL_SOCKET, option, value))
	})
	if err != nil {
		return err
	}
	return failed
}
