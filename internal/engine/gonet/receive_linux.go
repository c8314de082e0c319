package gonet

import (
	"net"
	"syscall"

	"echod/internal/sock"
)

// recvOf is the call by which peer's bytes are received; nil if it is no socket.
// Those of a unix peer stay in the kernel until they are sent: see peeker.
func recvOf(peer net.Conn) func(c sock.Calls, fd uintptr, p []byte) (int, syscall.Errno) {
	switch peer.(type) {
	case tcpConn:
		return sock.Calls.Recv
	case *peeker:
		return sock.Calls.Peek
	}
	return nil
}
