package check

import (
	"fmt"
	"net"
	"net/netip"
	"time"
)

// maxDatagram is room for one datagram of any length.
const maxDatagram = 64 << 10

// packetSocket is one socket for datagrams to the target.
type packetSocket interface {
	send(p []byte) error
	receive(buf []byte) (n int, from netip.AddrPort, err error)
	SetReadDeadline(time.Time) error
	Close() error
}

// connected takes answers only from where it sends to: the kernel drops the
// others. It cannot say where an answer came from.
type connected struct{ net.Conn }

func (c connected) send(p []byte) error {
	_, err := c.Write(p)
	return err
}

func (c connected) receive(buf []byte) (int, netip.AddrPort, error) {
	n, err := c.Read(buf)
	return n, netip.AddrPort{}, err
}

// loose takes an answer from anywhere and says where that was.
type loose struct {
	*net.UDPConn
	to netip.AddrPort
}

func (l loose) send(p []byte) error {
	_, err := l.WriteToUDPAddrPort(p, l.to)
	return err
}

func (l loose) receive(buf []byte) (int, netip.AddrPort, error) {
	n, from, err := l.ReadFromUDPAddrPort(buf)
	return n, plain(from), err
}

func openConnected(p *probe) (packetSocket, error) {
	ctx, cancel := p.withTimeout()
	defer cancel()
	conn, err := p.target.way().Dial(ctx)
	if err != nil {
		return nil, err
	}
	return connected{conn}, nil
}

// openPacket opens a loose socket, or a connected one where the target has a
// Dial and so nothing else is to be had.
func openPacket(p *probe) (packetSocket, error) {
	if p.target.Dial != nil {
		return openConnected(p)
	}
	return openLoose(p)
}

func openLoose(p *probe) (packetSocket, error) {
	to, err := resolve(p)
	if err != nil {
		return nil, err
	}
	return looseTo(to)
}

// looseTo is a new loose socket that sends to that address.
func looseTo(to netip.AddrPort) (loose, error) {
	network := "udp4"
	if to.Addr().Is6() {
		network = "udp6"
	}
	conn, err := net.ListenUDP(network, nil)
	if err != nil {
		return loose{}, err
	}
	return loose{conn, to}, nil
}

// resolve is the address that a connected socket would be connected to, so that
// both kinds ask the same server.
func resolve(p *probe) (netip.AddrPort, error) {
	conn, err := openConnected(p)
	if err != nil {
		return netip.AddrPort{}, err
	}
	defer conn.Close()
	addr, ok := conn.(connected).RemoteAddr().(*net.UDPAddr)
	if !ok {
		return netip.AddrPort{}, fmt.Errorf("%s has no address", p.target)
	}
	return plain(addr.AddrPort()), nil
}

// plain is a without what differs between two ways of writing one address: IPv4
// inside IPv6.
func plain(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}
