package admin

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"

	"echod/internal/sock"
)

// listen binds cfg.Addr, and says where that is as a URL.
func listen(cfg Config) (net.Listener, string, error) {
	if len(cfg.Addr) > 5 && strings.EqualFold(cfg.Addr[:5], "unix:") {
		return listenUnix(cfg.Addr)
	}
	host, _, err := net.SplitHostPort(cfg.Addr)
	if err != nil {
		return nil, "", badAddr(cfg.Addr, "it is no HOST:PORT", "write it as in 127.0.0.1:9462, or unix:///run/echod/admin.sock")
	}
	if !cfg.Public && !isLoopback(host) {
		return nil, "", badAddr(cfg.Addr, "others than this machine could reach it", "add --admin-public if that is meant, or write 127.0.0.1:PORT")
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

// listenError says it as every listener does: where, which call, why.
func listenError(addr string, err error) error {
	spec, bad := sock.Parse("tcp://" + addr)
	if bad != nil {
		return err
	}
	if call, ok := errors.AsType[*os.SyscallError](err); ok {
		err = call
	} else if _, ok := errors.AsType[*net.OpError](err); ok {
		return err // it names the address itself
	}
	return &sock.ListenError{Spec: spec, Err: err}
}

// isLoopback reports whether only this machine can reach host. A name is taken at
// its word if it is localhost, and no other is.
func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}
