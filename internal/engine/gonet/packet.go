package gonet

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"echod/internal/accept"
	"echod/internal/echo"
	"echod/internal/sock"
)

// packet is one UDP socket and the goroutine that answers what arrives on it.
type packet struct {
	server  *server
	conn    *net.UDPConn
	addr    netip.AddrPort // where it is bound
	buf     []byte
	control []byte
}

// largest is more than any datagram holds: one that fills it was cut.
const largest = 64 << 10

// begun is where the guard's clock starts.
var begun = time.Now()

func newPacket(s *server, conn *net.UDPConn, spec sock.Spec) *packet {
	return &packet{
		server:  s,
		conn:    conn,
		addr:    spec.Addr,
		buf:     make([]byte, largest),
		control: make([]byte, sock.ControlSize),
	}
}

// run answers datagrams until Shutdown interrupts it.
func (p *packet) run() {
	defer p.close()
	for p.answer() {
	}
}

func (p *packet) interrupt() { p.conn.SetDeadline(time.Unix(1, 0)) }

func (p *packet) close() { p.conn.Close() }

// answer waits for one datagram and sends it back, or counts why not. False: it
// was interrupted.
func (p *packet) answer() bool {
	n, controlled, _, src, err := p.conn.ReadMsgUDPAddrPort(p.buf, p.control)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return false
	case err != nil && n == 0:
		// No datagram, and the next try may tell the same: do not spin.
		return p.server.sleep(accept.ShortestPause, p.server.draining)
	}
	count := &p.server.count
	count.DatagramsIn.Add(1)
	info := sock.ParseControl(p.control[:controlled])
	drop := p.check(n, src, info)
	if drop == echo.Answer {
		drop = p.send(n, src, info)
	}
	if drop == echo.Answer {
		count.DatagramsOut.Add(1)
	} else {
		count.Drops[drop].Add(1)
	}
	return true
}

// check tells whether the n bytes in the buffer may be answered.
func (p *packet) check(n int, src netip.AddrPort, info sock.PktInfo) echo.Drop {
	if n == len(p.buf) {
		return echo.DropTruncated
	}
	dst := p.addr
	if info.Dst.IsValid() {
		dst = netip.AddrPortFrom(info.Dst, p.addr.Port())
	}
	return p.server.guard.Check(int64(time.Since(begun)), unmapped(src), unmapped(dst), p.buf[:n])
}

// send answers src from the address that it asked.
func (p *packet) send(n int, src netip.AddrPort, info sock.PktInfo) echo.Drop {
	control := p.control[:sock.PutControl(p.control[:cap(p.control)], info, src.Addr())]
	_, _, err := p.conn.WriteMsgUDPAddrPort(p.buf[:n], control, src)
	switch {
	case err == nil:
		return echo.Answer
	case errors.Is(err, syscall.ENOBUFS), errors.Is(err, os.ErrDeadlineExceeded):
		return echo.DropFull
	default:
		return echo.DropRefused
	}
}

// unmapped says an IPv4 peer of a dual-stack socket in its own terms.
func unmapped(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}
