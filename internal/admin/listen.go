package admin

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"

	"echod/internal/sock"
)

// listen binds cfg.Addr, and says where that is as a URL.
func listen(cfg Config) (net.Listener, string, error) {
	if strings.HasPrefix(cfg.Addr, "unix:") {
		return listenUnix(cfg.Addr)
	}
	host, _, err := net.SplitHostPort(cfg.Addr)
	if err != nil {
		return nil, "", &Error{cfg.Addr, "it is no HOST:PORT", "write it as in 127.0.0.1:9462, or unix:///run/echod/admin.sock"}
	}
	if !cfg.Public && !isLoopback(host) {
		return nil, "", &Error{cfg.Addr, "others than this machine could reach it", "add --admin-public if that is meant, or write 127.0.0.1:PORT"}
	}
	ln, err := net.Listen("tcp", cfg.Addr)
	if err != nil {
		return nil, "", listenError(cfg.Addr, err)
	}
	return ln, "http://" + ln.Addr().String(), nil
}

// listenError says it as every listener does: where, which call, why.
func listenError(addr string, err error) error {
	spec, bad := sock.Parse("tcp://" + addr)
	call, ok := errors.AsType[*os.SyscallError](err)
	if bad != nil || !ok {
		return err
	}
	return &sock.ListenError{Spec: spec, Err: call}
}

// isLoopback tells whether only this machine can reach host. A name is taken at
// its word if it is localhost, and no other is.
func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// limited lets no more than so many connections be open at once; the others
// wait in the kernel's queue.
type limited struct {
	net.Listener
	places chan struct{}
	over   chan struct{}
	once   sync.Once
}

func atMost(ln net.Listener, n int) net.Listener {
	return &limited{Listener: ln, places: make(chan struct{}, n), over: make(chan struct{})}
}

func (l *limited) Accept() (net.Conn, error) {
	select {
	case l.places <- struct{}{}:
	case <-l.over:
		return nil, net.ErrClosed
	}
	conn, err := l.Listener.Accept()
	if err != nil {
		<-l.places
		return nil, err
	}
	return &placed{Conn: conn, leave: func() { <-l.places }}, nil
}

// Close may be called more than once, as net/http and Shutdown do.
func (l *limited) Close() (err error) {
	l.once.Do(func() {
		close(l.over)
		err = l.Listener.Close()
	})
	return err
}

// placed gives its place back when it is closed.
type placed struct {
	net.Conn
	once  sync.Once
	leave func()
}

func (p *placed) Close() error {
	err := p.Conn.Close()
	p.once.Do(p.leave)
	return err
}
