package sock

import (
	"errors"
	"net"
	"net/netip"
)

// errNoAddress is returned instead of the number of getsockname(2), which package
// net does not keep.
var errNoAddress = errors.New("getsockname: the system did not say which address was bound")

// BoundTo returns the address that a listening socket of package net is bound to,
// which is what its Addr or LocalAddr returned. That is nil if getsockname(2) failed.
func BoundTo(addr net.Addr) (netip.AddrPort, error) {
	if a, ok := addr.(interface{ AddrPort() netip.AddrPort }); ok && a.AddrPort().IsValid() {
		return a.AddrPort(), nil
	}
	return netip.AddrPort{}, errNoAddress
}
