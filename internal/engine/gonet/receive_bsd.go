//go:build unix && !linux

package gonet

import (
	"net"
	"syscall"

	"echod/internal/sock"
)

// recvOf is the call by which peer's bytes are received; nil if it is no socket.
func recvOf(peer net.Conn) func(fd uintptr, p []byte) (int, syscall.Errno) {
	switch peer.(type) {
	case *net.TCPConn, *net.UnixConn:
		return sock.Recv
	}
	return nil
}
