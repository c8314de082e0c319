package cli

import (
	"errors"
	"net/netip"
)

// address is one of this machine's.
type address struct{ addr *netip.Addr }

func (v address) Type() string { return "address" }

func (v address) String() string {
	if v.addr == nil || !v.addr.IsValid() {
		return ""
	}
	return v.addr.String()
}

func (v address) Set(text string) error {
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return errors.New("write an IP address, as in 127.0.0.2")
	}
	*v.addr = addr
	return nil
}
