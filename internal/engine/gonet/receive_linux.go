package gonet

import (
	"net"
	"syscall"

	"echod/internal/sock"
)

// recvOf is the call by which peer's bytes are received; nil if it is no socket.
// Those of a unix peer stay in the kernel until they are sent: see peeker.
func recvOf(peer net.Conn) func(fd uintptr, p []byte) (int, syscall.Errno) {
	switch peer.(type) {
	case *net.TCPConn:
		return sock.Recv
	case *peeker:
		return sock.Peek
	}
	return nil
}
