package sock

import "golang.org/x/sys/unix"

// hasIPv6 reports whether the kernel knows IPv6 at all: with ipv6.disable=1 it
// refuses the socket (EAFNOSUPPORT).
func hasIPv6() bool {
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return false
	}
	unix.Close(fd)
	return true
}
