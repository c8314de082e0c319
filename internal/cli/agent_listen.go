package cli

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"

	"echod/internal/sock"
)

// listenForAgent binds spec, which is resolved, for TCP and, on the same port, for
// UDP: both families where no host was given, and returns the address. Port 0 is one that
// is free for both.
func listenForAgent(ctx context.Context, spec sock.Spec) (net.Listener, *net.UDPConn, netip.AddrPort, error) {
	for try := 1; ; try++ {
		ln, err := listenForStreams(ctx, spec)
		if err != nil {
			return nil, nil, netip.AddrPort{}, err
		}
		bound, err := sock.BoundTo(ln.Addr())
		if err != nil {
			ln.Close()
			return nil, nil, netip.AddrPort{}, listenError(spec, err)
		}
		conn, err := listenForDatagrams(ctx, spec, bound.Port())
		if err == nil {
			return ln, conn, bound, nil
		}
		ln.Close()
		if spec.Addr.Port() != 0 || try == 10 || !errors.Is(err, syscall.EADDRINUSE) {
			return nil, nil, netip.AddrPort{}, err
		}
	}
}

// listenForStreams speaks TCP and not MPTCP, which has another idea of resets.
func listenForStreams(ctx context.Context, spec sock.Spec) (net.Listener, error) {
	var lc net.ListenConfig
	lc.SetMultipathTCP(false)
	ln, err := lc.Listen(ctx, family(spec), spec.Addr.String())
	return ln, listenError(spec, err)
}

// listenForDatagrams asks to be told where each arrived: that is where the answer
// must come from.
func listenForDatagrams(ctx context.Context, spec sock.Spec, port uint16) (*net.UDPConn, error) {
	spec.Network = "udp"
	spec.Addr = netip.AddrPortFrom(spec.Addr.Addr(), port)
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error { return sock.ReceivePktInfo(c) }}
	conn, err := lc.ListenPacket(ctx, family(spec), spec.Addr.String())
	if err != nil {
		return nil, listenError(spec, err)
	}
	return conn.(*net.UDPConn), nil
}

// family is what package net calls spec's network: one family, or both.
func family(spec sock.Spec) string {
	switch {
	case spec.Addr.Addr().Is4():
		return spec.Network + "4"
	case spec.Host != "":
		return spec.Network + "6"
	}
	return spec.Network
}

// listenError says which call failed, and not twice on what.
func listenError(spec sock.Spec, err error) error {
	if err == nil {
		return nil
	}
	if call, ok := errors.AsType[*os.SyscallError](err); ok {
		err = call
	}
	return &sock.ListenError{Spec: spec, Err: err}
}
