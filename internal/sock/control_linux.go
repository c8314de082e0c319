package sock

import (
	"syscall"

	"echod/internal/sys"
)

// Control gives a socket that Go's net package makes the options that Listen
// gives its own. It is for net.ListenConfig, which calls it before bind(2).
func Control(s Spec, o Options) func(network, address string, c syscall.RawConn) error {
	return func(_, _ string, c syscall.RawConn) error {
		var failed error
		err := c.Control(func(fd uintptr) {
			failed = setOptions(&sys.Linux{}, int(fd), s, o)
		})
		if err != nil {
			return err
		}
		return failed
	}
}
