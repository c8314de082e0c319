package admin

import (
	"errors"
	"net"
	"os"

	"echod/internal/sock"
)

// listenUnix makes a socket file that its owner and group may connect to, in
// place of one that nobody serves.
func listenUnix(addr string) (net.Listener, string, error) {
	spec, err := sock.Parse(addr)
	if err != nil {
		return nil, "", err
	}
	if spec.Engine != "" {
		return nil, "", &Error{addr, "no engine serves it", "write the path alone, as in " + spec.String()}
	}
	place, err := sock.TakeUnix(spec.Path)
	if err != nil {
		return nil, "", &sock.ListenError{Spec: spec, Err: err}
	}
	defer place.Leave()
	ln, err := net.Listen("unix", spec.Path)
	if err != nil {
		place.Failed(err)
		return nil, "", unixError(spec, err)
	}
	// Go would remove whatever bears the name by then, be it ours or not.
	ln.(*net.UnixListener).SetUnlinkOnClose(false)
	if spec.File, err = place.Bound(); err != nil {
		ln.Close()
		return nil, "", &sock.ListenError{Spec: spec, Err: err}
	}
	return &atPath{ln, spec}, spec.String(), nil
}

// unixError says which call failed, and not twice on what.
func unixError(spec sock.Spec, err error) error {
	if call, ok := errors.AsType[*os.SyscallError](err); ok {
		err = call
	}
	return &sock.ListenError{Spec: spec, Err: err}
}

// atPath takes its file along when it is closed, if that is still its own. It is
// closed once.
type atPath struct {
	net.Listener
	spec sock.Spec
}

// Close removes the file first: as long as the socket listens, nobody else takes
// its path.
func (l *atPath) Close() error { return errors.Join(l.spec.Unlink(), l.Listener.Close()) }
