package sock

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"echod/internal/sys"
)

// Control gives a socket that Go's net package makes the options that Listen
// gives its own. It is for net.ListenConfig, which calls it before bind(2).
func Control(s Spec, o Options) func(network, address string, c syscall.RawConn) error {
	return func(_, _ string, c syscall.RawConn) error {
		var failed error
		err := c.Control(func(fd uintptr) {
			if failed = setOptions(&sys.Linux{}, int(fd), s, o); failed == nil && s.Network == "unix" {
				failed = narrow(int(fd))
			}
		})
		if err != nil {
			return err
		}
		return failed
	}
}

// narrow has bind(2) make the socket file with no wider mode than UnixMode: the
// kernel takes the socket's own and applies the umask. Go's net package listens
// at once after bind, so there is no moment to narrow it later.
func narrow(fd int) error {
	return os.NewSyscallError("fchmod", unix.Fchmod(fd, uint32(UnixMode)))
}
