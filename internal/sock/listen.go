package sock

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"strconv"
	"time"

	"echod/internal/accept"
)

// Options are the socket options that are set on listeners and that accepted
// sockets inherit. SO_LINGER {1, 0} and SO_OOBINLINE are always set, so they are not
// among them: the first makes every early close a reset, the second keeps urgent
// data in line.
type Options struct {
	KeepAlive KeepAlive
}

// KeepAlive is how dead peers are found on silent streams: after Idle the kernel
// sends a probe each Interval, and gives the peer up after Count unanswered ones
// (tcp(7), TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT). Whole seconds.
type KeepAlive struct {
	Idle     time.Duration
	Interval time.Duration
	Count    int
}

// DefaultKeepAlive finds a dead peer after two minutes.
var DefaultKeepAlive = KeepAlive{Idle: 60 * time.Second, Interval: 15 * time.Second, Count: 4}

// Backlog is how many connections may be queued for accept. The kernel lowers
// it to net.core.somaxconn.
const Backlog = accept.MaxQueue

// ListenError is returned when an address cannot be bound.
type ListenError struct {
	Spec Spec
	Err  error // an *os.SyscallError with the call and its errno, or another reason
}

func (e *ListenError) Error() string { return "listen " + e.Spec.String() + ": " + e.Err.Error() }
func (e *ListenError) Unwrap() error { return e.Err }

// NewListenError returns an error of package net as a *ListenError: the system call
// and its errno, without the addresses that package net adds.
func NewListenError(s Spec, err error) error {
	if call, ok := errors.AsType[*os.SyscallError](err); ok {
		err = call
	}
	return &ListenError{s, err}
}

// errNoAddress replaces the errno of getsockname(2), which package net does not
// report.
var errNoAddress = errors.New("getsockname: the system did not say which address was bound")

// BoundTo returns the address that a listening socket of package net is bound to.
// addr is what its Addr or LocalAddr returned: nil if getsockname(2) failed.
func BoundTo(addr net.Addr) (netip.AddrPort, error) {
	if a, ok := addr.(interface{ AddrPort() netip.AddrPort }); ok && a.AddrPort().IsValid() {
		return a.AddrPort(), nil
	}
	return netip.AddrPort{}, errNoAddress
}

// freePortTries bounds the search for a port that is free at several addresses.
const freePortTries = 10

// FreePort returns a port that was free on network, "tcp" or "udp", at each of
// addrs, or 0 if none was found. Another process may bind it before the caller does.
func FreePort(network string, addrs []netip.Addr) uint16 {
	for range freePortTries {
		if port, ok := freePort(network, addrs); ok {
			return port
		}
	}
	return 0
}

// freePort binds all of addrs to the port that the kernel chose for the first.
func freePort(network string, addrs []netip.Addr) (port uint16, ok bool) {
	for _, addr := range addrs {
		bound, release, err := bindOnce(network, net.JoinHostPort(addr.String(), strconv.Itoa(int(port))))
		if err != nil {
			return 0, false
		}
		defer release()
		port = bound
	}
	return port, port != 0
}

func bindOnce(network, address string) (port uint16, release func() error, err error) {
	var addr net.Addr
	if network == "udp" {
		conn, err := net.ListenPacket(network, address)
		if err != nil {
			return 0, nil, err
		}
		addr, release = conn.LocalAddr(), conn.Close
	} else {
		ln, err := net.Listen(network, address)
		if err != nil {
			return 0, nil, err
		}
		addr, release = ln.Addr(), ln.Close
	}
	bound, err := BoundTo(addr)
	if err != nil {
		release()
		return 0, nil, err
	}
	return bound.Port(), release, nil
}
