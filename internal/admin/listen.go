package admin

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"

	"echod/internal/sock"
	"echod/internal/usage"
)

// listen binds cfg.Addr and returns the listener and its URL.
func listen(cfg Config) (net.Listener, string, error) {
	if len(cfg.Addr) > 5 && strings.EqualFold(cfg.Addr[:5], "unix:") {
		return listenUnix(cfg.Addr)
	}
	host, port, err := net.SplitHostPort(cfg.Addr)
	if err != nil {
		return nil, "", invalidAddr(cfg.Addr, "not HOST:PORT", "want e.g. 127.0.0.1:9462 or unix:///run/echod/admin.sock")
	}
	if _, err := net.LookupPort("tcp", port); err != nil {
		return nil, "", invalidAddr(cfg.Addr, fmt.Sprintf("invalid port %q", port), "want a number from 0 to 65535")
	}
	if !cfg.Public && !isLoopback(host) {
		return nil, "", invalidAddr(cfg.Addr, "other machines can reach it", "want 127.0.0.1:PORT, or add --admin-public to allow it")
	}
	ln, err := net.Listen("tcp", cfg.Addr)
	if err != nil {
		return nil, "", listenError(cfg.Addr, err)
	}
	bound, err := sock.BoundTo(ln.Addr())
	if err != nil {
		ln.Close()
		return nil, "", listenError(cfg.Addr, err)
	}
	return ln, "http://" + bound.String(), nil
}

// invalidAddr returns the *usage.Error of an address.
func invalidAddr(addr, got, want string) error {
	return usage.New(fmt.Sprintf("invalid address %q: %s", addr, got), want)
}

// listenError returns err in the form of other listeners: the address, the system call,
// the reason.
func listenError(addr string, err error) error {
	spec, parseErr := sock.Parse("tcp://" + addr)
	if parseErr != nil {
		return err
	}
	if call, ok := errors.AsType[*os.SyscallError](err); ok {
		err = call
	} else if _, ok := errors.AsType[*net.OpError](err); ok {
		return err // it contains the address
	}
	return &sock.ListenError{Spec: spec, Err: err}
}

// isLoopback reports whether only this machine can reach host. Of names, only localhost
// is known to be loopback.
func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// listenUnix binds a unix socket to which its owner and group may connect. It replaces a
// socket file that no process listens on.
func listenUnix(addr string) (net.Listener, string, error) {
	spec, err := sock.Parse(addr)
	if err != nil {
		return nil, "", err
	}
	if spec.Engine != "" {
		return nil, "", invalidAddr(addr, "the admin address has no engine", "want "+spec.String())
	}
	ln, bound, err := sock.ListenUnix(spec, sock.Options{})
	if err != nil {
		return nil, "", err
	}
	return &unixListener{ln, bound}, bound.String(), nil
}

// unixListener removes its socket file when it is closed, if the file is still its own.
// It is closed once.
type unixListener struct {
	net.Listener
	spec sock.Spec
}

// Close removes the file first: no other process takes the path while the socket
// listens.
func (l *unixListener) Close() error { return errors.Join(l.spec.Unlink(), l.Listener.Close()) }
