package check

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"
)

// maxDatagram is a buffer size that holds any datagram.
const maxDatagram = 64 << 10

// attempts is how often a datagram is sent before it counts as lost: UDP does not
// guarantee delivery.
const attempts = 5

// packetSocket is a socket that exchanges datagrams with the target.
type packetSocket interface {
	peer() netip.AddrPort // where it sends to; not valid if the kernel checks the source of answers
	send(p []byte) error
	receive(buf []byte) (n int, from netip.AddrPort, err error)
	SetReadDeadline(time.Time) error
	Close() error
}

// connectedSocket receives only from the address that it sends to: the kernel drops
// other datagrams. The source that it returns is not valid.
type connectedSocket struct{ net.Conn }

func (c connectedSocket) peer() netip.AddrPort { return netip.AddrPort{} }

func (c connectedSocket) send(p []byte) error {
	_, err := c.Write(p)
	return err
}

func (c connectedSocket) receive(buf []byte) (int, netip.AddrPort, error) {
	n, err := c.Read(buf)
	return n, netip.AddrPort{}, err
}

// unconnectedSocket receives from any address and returns the source.
type unconnectedSocket struct {
	*net.UDPConn
	to netip.AddrPort
}

func (u unconnectedSocket) peer() netip.AddrPort { return u.to }

func (u unconnectedSocket) send(p []byte) error {
	_, err := u.WriteToUDPAddrPort(p, u.to)
	return err
}

func (u unconnectedSocket) receive(buf []byte) (int, netip.AddrPort, error) {
	n, from, err := u.ReadFromUDPAddrPort(buf)
	return n, unmapped(from), err
}

func openConnected(p *probe) (packetSocket, error) {
	ctx, cancel := p.withTimeout()
	defer cancel()
	conn, err := p.dialTarget().Dial(ctx)
	if err != nil {
		return nil, err
	}
	return connectedSocket{conn}, nil
}

// openPacket opens an unconnected socket, or a connected one if the target has a Dial.
func openPacket(p *probe) (packetSocket, error) {
	open, err := packetOpener(p)
	if err != nil {
		return nil, err
	}
	return open()
}

// packetOpener returns a function that opens sockets as openPacket does. It resolves the
// name of the target once, so that all sockets reach the same server.
func packetOpener(p *probe) (open func() (packetSocket, error), err error) {
	if p.target.Dial != nil {
		return func() (packetSocket, error) { return openConnected(p) }, nil
	}
	to, err := resolve(p)
	if err != nil {
		return nil, err
	}
	return func() (packetSocket, error) { return openUnconnected(p, to, 0) }, nil
}

// openUnconnected opens a socket that sends to that address, from the given port, or
// from any port if it is 0.
func openUnconnected(p *probe, to netip.AddrPort, port int) (unconnectedSocket, error) {
	network := "udp4"
	if to.Addr().Is6() {
		network = "udp6"
	}
	conn, err := p.target.dialTarget().ListenUDP(p.ctx, network, port)
	if err != nil {
		return unconnectedSocket{}, err
	}
	return unconnectedSocket{conn, to}, nil
}

// resolve returns the address that a connected socket would have, so that both kinds
// of sockets reach the same server.
func resolve(p *probe) (netip.AddrPort, error) {
	conn, err := openConnected(p)
	if err != nil {
		return netip.AddrPort{}, err
	}
	defer conn.Close()
	addr, ok := conn.(connectedSocket).RemoteAddr().(*net.UDPAddr)
	if !ok {
		return netip.AddrPort{}, fmt.Errorf("%s has no address", p.target)
	}
	return unmapped(addr.AddrPort()), nil
}

// unmapped returns a with an IPv4 address in place of an IPv4-mapped IPv6 address.
func unmapped(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// isForeign reports whether got has nothing to do with the datagram want: neither its
// source nor its bytes are right, not even the first ones. E.g. another server on the same
// machine answers a client that had the same port before.
func isForeign(socket packetSocket, got []byte, from netip.AddrPort, want []byte) bool {
	to := socket.peer()
	alike := bytes.Equal(got, want) || len(got) >= shiftLen && bytes.HasPrefix(want, got[:shiftLen])
	return to.IsValid() && from != to && !alike
}

// checkAnswer compares an answer and its source with the datagram want. It returns nil
// if it is right.
func checkAnswer(socket packetSocket, got []byte, from netip.AddrPort, want []byte) *failure {
	if to := socket.peer(); to.IsValid() && from != to {
		f := fail(WrongSource, "sent to %v, answered by %v", to, from)
		f.got, f.want = from.String(), to.String()
		return f
	}
	both := min(len(got), len(want))
	if f := checkBytes(got[:both], want[:both:both], strings.NewReader(""), 0); f != nil {
		return f
	}
	switch {
	case len(got) < len(want):
		return failAt(int64(both), Truncated, "only the first %d bytes came back", both)
	case len(got) > len(want):
		return failAt(int64(both), ExtraBytes, "%d bytes came back", len(got))
	}
	return nil
}
