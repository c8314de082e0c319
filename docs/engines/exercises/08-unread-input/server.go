//go:build linux && !solved

// Command 08-unread-input is an echo server with a thread for each peer. It asks poll(2)
// whether the peer has finished, so that it can close the connection at once.
package main

import (
	"time"

	"golang.org/x/sys/unix"

	"echod/docs/engines/exercises/server"
)

func main() { server.Main(server.Listen, serve) }

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
		ready := []unix.PollFd{{Fd: int32(peer), Events: unix.POLLIN | unix.POLLRDHUP}}
		if _, err := unix.Poll(ready, -1); err == unix.EINTR {
			continue
		} else if err != nil {
			return
		}
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
		if ready[0].Revents&unix.POLLRDHUP != 0 {
			return // the peer has finished, and everything is sent
		}
	}
}
