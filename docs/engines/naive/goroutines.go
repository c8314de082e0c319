//go:build linux

package main

import (
	"io"
	"net"
)

// serveGoroutines serves each peer in a goroutine of its own.
func serveGoroutines(l net.Listener) error {
	for {
		peer, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer peer.Close()
			io.Copy(peer, peer)
		}()
	}
}
