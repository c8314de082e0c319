//go:build linux

package main

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"echod/internal/sys"
)

// blocking is the real kernel for servers whose calls wait. The calls of sys.Linux must not
// wait, because they do not tell Go's scheduler that they do.
type blocking struct{ *sys.Linux }

func (blocking) Accept4(fd int, peer *unix.RawSockaddrAny, flags int) (int, sys.Errno) {
	var size uint32
	if peer != nil {
		size = uint32(unsafe.Sizeof(*peer))
	}
	nfd, _, errno := unix.Syscall6(unix.SYS_ACCEPT4, uintptr(fd), uintptr(unsafe.Pointer(peer)),
		uintptr(unsafe.Pointer(&size)), uintptr(flags), 0, 0)
	return int(nfd), errno
}

func (blocking) Read(fd int, p []byte) (int, sys.Errno) {
	n, err := unix.Read(fd, p)
	return result(n, err)
}

func (blocking) Write(fd int, p []byte) (int, sys.Errno) {
	n, err := unix.Write(fd, p)
	return result(n, err)
}

// result returns n, or 0 and the error number.
func result(n int, err error) (int, sys.Errno) {
	if err != nil {
		return 0, err.(sys.Errno)
	}
	return n, 0
}
