//go:build !windows

package errno

import "syscall"

// POSIX returns the errno as POSIX names it: here that is the errno itself.
func POSIX(errno syscall.Errno) syscall.Errno { return errno }
