package trace

import (
	"net"
	"syscall"

	"echod/internal/sys"
)

// inspectConn returns what the kernel holds for conn; nil if it is unknown, e.g. because conn is
// closed.
func inspectConn(conn net.Conn) (held *sys.Held) {
	socket, ok := conn.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return nil
	}
	raw.Control(func(fd uintptr) {
		if h, ok := (*sys.Linux)(nil).Inspect(int(fd)); ok {
			held = &h
		}
	})
	return held
}
