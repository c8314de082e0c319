//go:build unix && !linux

package gonet

import (
	"net"
	"syscall"

	"echod/internal/sock"
)

// recvOf is the call by which peer's bytes are received; nil if it is no socket.
func recvOf(peer net.Conn) func(c sock.Calls, fd uintptr, p []byte) (int, syscall.Errno) {
	if _, ok := peer.(socketConn); ok {
		return sock.Calls.Recv
	}
	return nil
}
