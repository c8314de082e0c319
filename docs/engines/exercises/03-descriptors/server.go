//go:build linux && !solved

// Command 03-descriptors is an echo server with a thread for each peer. It never ends: if
// it cannot accept a peer, it tries the next one.
package main

import (
	"golang.org/x/sys/unix"

	"echod/docs/engines/exercises/server"
)

func main() { server.Main(server.Listen, serve) }

// serve accepts peers and starts a thread for each.
func serve(listener int) error {
	for {
		peer, _, err := unix.Accept4(listener, unix.SOCK_CLOEXEC)
		if err != nil {
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
