package sock

import (
	"errors"
	"net"
	"os"

	"echod/internal/sys"
)

// ListenUnix binds the unix socket s for package net. The Spec returned removes the
// file: the listener does not. On an error nothing is left.
//
// net.Listen would panic where getsockname(2) fails.
func ListenUnix(s Spec, o Options) (*net.UnixListener, Spec, error) {
	fd, bound, err := Listen(&sys.Linux{}, s, o)
	if err != nil {
		return nil, s, err
	}
	file := os.NewFile(uintptr(fd), s.Path)
	defer file.Close() // the listener has a duplicate
	ln, err := net.FileListener(file)
	if err != nil {
		bound.Unlink()
		if call, ok := errors.AsType[*os.SyscallError](err); ok {
			err = call
		}
		return nil, s, &ListenError{s, err}
	}
	return ln.(*net.UnixListener), bound, nil
}
