//go:build linux

package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// serveSelect serves all peers from one thread: it waits with select(2) until some of
// them can be read, and then echoes what these have sent.
func serveSelect(listener int) error {
	open := map[int]bool{listener: true}
	buffer := make([]byte, 4096)
	for {
		var set unix.FdSet // 1024 bits, one for each descriptor
		for fd := range unix.FD_SETSIZE {
			if open[fd] {
				set.Set(fd)
			}
		}
		_, err := unix.Select(unix.FD_SETSIZE, &set, nil, nil, nil)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return os.NewSyscallError("select", err)
		}
		for fd := range unix.FD_SETSIZE {
			switch {
			case !set.IsSet(fd):
			case fd == listener:
				peer, _, err := unix.Accept(listener)
				if err != nil {
					return os.NewSyscallError("accept", err)
				}
				open[peer] = true
			case !echo(fd, buffer):
				unix.Close(fd)
				delete(open, fd)
			}
		}
	}
}
