//go:build linux

package main

import (
	"os"

	"golang.org/x/sys/unix"

	"echod/internal/sys"
)

// listen returns the descriptor of a socket that accepts connections on a port of
// 127.0.0.1.
func listen(port int) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	// Else the port is busy for a minute after a server that closed its connections first.
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return -1, os.NewSyscallError("setsockopt", err)
	}
	addr := &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}
	if err := unix.Bind(fd, addr); err != nil {
		return -1, os.NewSyscallError("bind", err)
	}
	if err := unix.Listen(fd, 128); err != nil {
		return -1, os.NewSyscallError("listen", err)
	}
	return fd, nil
}

// serveOne serves one peer after the other. While it serves one, all others wait.
func serveOne(kernel sys.Kernel, listener int) error {
	for {
		peer, errno := kernel.Accept4(listener, nil, 0)
		if errno != 0 {
			return os.NewSyscallError("accept4", errno)
		}
		buffer := make([]byte, 4096)
		for echo(kernel, peer, buffer) {
		}
		kernel.Close(peer)
	}
}

// echo waits until peer sends something, and sends it back. It returns false when the
// peer has finished, or a call failed.
func echo(kernel sys.Kernel, peer int, buffer []byte) bool {
	n, errno := kernel.Read(peer, buffer)
	if n == 0 || errno != 0 {
		return false
	}
	for rest := buffer[:n]; len(rest) > 0; {
		n, errno := kernel.Write(peer, rest) // waits while the peer does not read
		if errno != 0 {
			return false
		}
		rest = rest[n:]
	}
	return true
}
