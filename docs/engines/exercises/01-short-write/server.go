//go:build linux && !solved

// Command 01-short-write is an echo server with a thread for each peer. Its calls never
// block in read or write: each thread waits in poll until its peer is ready.
package main

import (
	"os"
	"time"

	"golang.org/x/sys/unix"

	"echod/docs/engines/exercises/server"
)

func main() { server.Main(server.Listen, serve) }

// serve accepts peers and starts a thread for each.
func serve(listener int) error {
	for {
		peer, _, err := unix.Accept4(listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		if err != nil {
			time.Sleep(100 * time.Millisecond) // e.g. all descriptors are in use
			continue
		}
		// The kernel keeps no more than this for a peer that does not read.
		unix.SetsockoptInt(peer, unix.SOL_SOCKET, unix.SO_SNDBUF, 32<<10)
		go func() {
			defer unix.Close(peer)
			echo(peer)
		}()
	}
}

// echo sends back what peer sends, until it has finished. It returns the error of the call
// that failed, or nil.
func echo(peer int) error {
	buffer := make([]byte, 64<<10)
	for {
		if err := wait(peer, unix.POLLIN); err != nil {
			return err
		}
		n, err := unix.Read(peer, buffer)
		if err == unix.EAGAIN {
			continue // it was not readable after all: see select(2), BUGS
		}
		if err != nil {
			return os.NewSyscallError("read", err)
		}
		if n == 0 {
			return nil
		}
		if err := wait(peer, unix.POLLOUT); err != nil {
			return err
		}
		if _, err := unix.Write(peer, buffer[:n]); err != nil {
			return os.NewSyscallError("write", err)
		}
	}
}

// wait sleeps until peer is ready for event, POLLIN or POLLOUT, or its connection is broken.
func wait(peer int, event int16) error {
	for {
		_, err := unix.Poll([]unix.PollFd{{Fd: int32(peer), Events: event}}, -1)
		if err != unix.EINTR {
			return os.NewSyscallError("poll", err)
		}
	}
}
