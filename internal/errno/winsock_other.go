//go:build !windows

package errno

import "syscall"

// winsock is empty: here the kernel's numbers have their POSIX names.
var winsock map[syscall.Errno]syscall.Errno
