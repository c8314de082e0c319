//go:build !windows

package engine

import "syscall"

// posix is the errno itself: here the kernel speaks POSIX.
func posix(errno syscall.Errno) syscall.Errno { return errno }
