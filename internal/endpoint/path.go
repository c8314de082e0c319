package endpoint

import "syscall"

// MaxPath is the longest path of a unix socket, in bytes: sun_path of unix(7)
// without its NUL, e.g. 107 on Linux.
const MaxPath = len(syscall.RawSockaddrUnix{}.Path) - 1
