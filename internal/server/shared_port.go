package server

import (
	"errors"
	"net/netip"
	"slices"
	"syscall"

	"echod/internal/engine"
	"echod/internal/sock"
)

// sharedPort is the n listeners, from first on, that one name with port 0 became:
// they are to have the same port at each address.
type sharedPort struct{ group, first, n int }

// sharedPortTries bounds how often another port is chosen because somebody took
// the one before.
const sharedPortTries = 10

// bind starts one server for each engine. If one of them cannot have what it
// needs, none is left. Where a name has no free port in common at its addresses,
// each has one of its own.
func (p *Plan) bind() ([]*member, error) {
	for try := 1; ; try++ {
		members, err := p.bindGroups(p.choosePorts())
		retry := len(p.shared) > 0 && try < sharedPortTries && errors.Is(err, syscall.EADDRINUSE)
		if err == nil || !retry {
			return members, err
		}
	}
}

// choosePorts is the groups with a port for each name that shares one.
func (p *Plan) choosePorts() []group {
	if len(p.shared) == 0 {
		return p.groups
	}
	groups := slices.Clone(p.groups)
	for i := range groups {
		groups[i].listeners = slices.Clone(groups[i].listeners)
	}
	for _, s := range p.shared {
		setPort(groups[s.group].listeners[s.first:][:s.n])
	}
	return groups
}

// setPort gives listeners of one network a port that is free at all of their
// addresses. If none is found, they keep port 0.
func setPort(listeners []engine.Listener) {
	var addrs []netip.Addr
	for _, ln := range listeners {
		addrs = append(addrs, ln.Spec.Addr.Addr())
	}
	port := sock.FreePort(listeners[0].Spec.Transport(), addrs)
	for i := range listeners {
		listeners[i].Spec.Addr = netip.AddrPortFrom(addrs[i], port)
	}
}
