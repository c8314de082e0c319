//go:build linux

package main

import (
	"os"

	"golang.org/x/sys/unix"

	"echod/internal/sys"
)

// serveSelect serves all peers from one thread: it waits with select(2) until some of
// them can be read, and then echoes what these have sent.
func serveSelect(kernel sys.Kernel, listener int) error {
	open := map[int]bool{listener: true}
	buffer := make([]byte, 4096)
	for {
		var set, none unix.FdSet // 1024 bits, one for each descriptor
		for fd := range unix.FD_SETSIZE {
			if open[fd] {
				set.Set(fd)
			}
		}
		_, errno := kernel.Select(unix.FD_SETSIZE, &set, &none, -1)
		if errno == unix.EINTR {
			continue
		}
		if errno != 0 {
			return os.NewSyscallError("select", errno)
		}
		for fd := range unix.FD_SETSIZE {
			switch {
			case !set.IsSet(fd):
			case fd == listener:
				peer, errno := kernel.Accept4(listener, nil, 0)
				if errno != 0 {
					return os.NewSyscallError("accept4", errno)
				}
				open[peer] = true
			case !echo(kernel, fd, buffer):
				kernel.Close(fd)
				delete(open, fd)
			}
		}
	}
}
