package sock

import (
	"net"
	"net/netip"
	"strconv"
)

// freePortTries bounds the search for a port that is free at several addresses.
const freePortTries = 10

// FreePort returns a port that was free on network, "tcp" or "udp", at each of
// addrs, or 0 if none was found. Somebody else may take it before it is bound.
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
