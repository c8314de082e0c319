//go:build unix

package trace

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// errnoName returns the name of an error number, e.g. "EAGAIN"; "" for 0.
func errnoName(number syscall.Errno) string {
	if number == 0 {
		return ""
	}
	if name := unix.ErrnoName(number); name != "" {
		return name
	}
	return number.Error()
}
