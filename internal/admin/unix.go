package admin

import (
	"errors"
	"net"

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
		return nil, "", badAddr(addr, "no engine serves it", "write the path alone, as in "+spec.String())
	}
	ln, bound, err := sock.ListenUnix(spec, sock.Options{})
	if err != nil {
		return nil, "", err
	}
	return &atPath{ln, bound}, bound.String(), nil
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
