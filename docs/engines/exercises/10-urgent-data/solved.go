//go:build linux && solved

// Command 10-urgent-data is an echo server with a thread for each peer. It opens its
// listener itself.
package main

import (
	"os"
	"time"

	"golang.org/x/sys/unix"

	"echod/docs/engines/exercises/server"
)

func main() { server.Main(listen, serve) }

// listen returns the descriptor of a socket that accepts connections on a port of
// 127.0.0.1.
func listen(port int) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return -1, os.NewSyscallError("setsockopt", err)
	}
	// The urgent byte stays in its place. Accepted sockets inherit this.
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_OOBINLINE, 1); err != nil {
		return -1, os.NewSyscallError("setsockopt", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return -1, os.NewSyscallError("bind", err)
	}
	if err := unix.Listen(fd, 128); err != nil {
		return -1, os.NewSyscallError("listen", err)
	}
	return fd, nil
}

// serve accepts peers and starts a thread for each.
func serve(listener int) error {
	for {
		peer, _, err := unix.Accept4(listener, unix.SOCK_CLOEXEC)
		if err != nil {
			time.Sleep(100 * time.Millisecond) // e.g. all descriptors are in use
			continue
		}
		go func() {
			defer unix.Close(peer)
			echo(peer)
		}()
	}
}

// echo sends back what peer sends, until it has finished or a call fails.
func echo(peer int) {
	buffer := make([]byte, 4096)
	for {
		n, err := unix.Read(peer, buffer)
		if n <= 0 || err != nil {
			return
		}
		for owed := buffer[:n]; len(owed) > 0; {
			n, err := unix.Write(peer, owed)
			if err != nil {
				return
			}
			owed = owed[n:]
		}
	}
}
