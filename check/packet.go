package check

import (
	"fmt"
	"net"
	"net/netip"
	"time"
)

// maxDatagram is a buffer size that holds any datagram.
const maxDatagram = 64 << 10

// attempts is how often a datagram is sent before it counts as lost: UDP does not
// guarantee delivery.
const attempts = 5

// packetSocket is a socket that exchanges datagrams with the target.
type packetSocket interface {
	send(p []byte) error
	receive(buf []byte) (n int, from netip.AddrPort, err error)
	SetReadDeadline(time.Time) error
	Close() error
}

// connectedSocket receives only from the address that it sends to: the kernel drops
// other datagrams. The source that it returns is not valid.
type connectedSocket struct{ net.Conn }

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
	conn, err := p.target.dialTarget().Dial(ctx)
	if err != nil {
		return nil, err
	}
	return connectedSocket{conn}, nil
}

// openPacket opens an unconnected socket, or a connected one if the target has a Dial.
func openPacket(p *probe) (packetSocket, error) {
	if p.target.Dial != nil {
		return openConnected(p)
	}
	to, err := resolve(p)
	if err != nil {
		return nil, err
	}
	return openUnconnected(to, 0)
}

// openUnconnected opens a socket that sends to that address, from the given port, or
// from any port if it is 0.
func openUnconnected(to netip.AddrPort, port int) (unconnectedSocket, error) {
	network := "udp4"
	if to.Addr().Is6() {
		network = "udp6"
	}
	conn, err := net.ListenUDP(network, &net.UDPAddr{Port: port})
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

// exchangeDatagram sends request, up to attempts times, until there is an answer.
func exchangeDatagram(p *probe, socket packetSocket, request []byte) (answer []byte, from netip.AddrPort, err error) {
	answer = make([]byte, maxDatagram)
	for range attempts {
		if err := socket.send(request); err != nil {
			return nil, from, fmt.Errorf("send: %w", err)
		}
		socket.SetReadDeadline(time.Now().Add(p.Timeout / attempts))
		n, from, err := socket.receive(answer)
		if err == nil {
			return answer[:n], from, nil
		}
		if classify(err) != Timeout || p.ctx.Err() != nil {
			return nil, from, fmt.Errorf("receive: %w", err)
		}
	}
	return nil, from, fail(Silent, "sent %d times, never answered", attempts)
}
