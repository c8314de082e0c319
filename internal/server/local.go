package server

import (
	"log/slog"
	"net"
	"net/netip"
)

// localAddresses are this machine's addresses as they are now, each with the
// length of its network's prefix. Without them the guard still knows every
// listener that is bound to one address; with them also which other sources
// are this machine, and which destinations are broadcast.
func localAddresses(log *slog.Logger) []netip.Prefix {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		log.Warn("this machine's addresses are unknown, so directed broadcasts may be answered", slog.Any("error", err))
		return nil
	}
	return prefixesOf(addrs)
}

func prefixesOf(addrs []net.Addr) []netip.Prefix {
	var local []netip.Prefix
	for _, a := range addrs {
		network, ok := a.(*net.IPNet)
		if !ok {
			continue
		}
		addr, _ := netip.AddrFromSlice(network.IP)
		bits, _ := network.Mask.Size()
		if p := netip.PrefixFrom(addr.Unmap(), bits); p.IsValid() {
			local = append(local, p)
		}
	}
	return local
}
