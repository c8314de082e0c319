package gonet

import (
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"syscall"
	"time"

	"echod/internal/echo"
	"echod/internal/sock"
)

// packetEcho answers the datagrams of one UDP socket, in a goroutine of its own. No
// error ends it, only Shutdown does.
type packetEcho struct {
	server  *server
	conn    PacketConn
	spec    sock.Spec // the address it is bound to
	buf     []byte
	control []byte
	pause   time.Duration // the last pause after an error; 0 after a datagram
	logged  time.Time     // when an error was last logged
}

// datagram is a datagram that was received. Its payload is in packetEcho.buf until the
// next one is received.
type datagram struct {
	payload []byte
	src     netip.AddrPort
	info    sock.PktInfo
	cut     bool // it may have been longer than payload
}

const (
	// bufferSize is larger than any datagram: one that fills the buffer was cut.
	bufferSize = 64 << 10
	// After an error the socket pauses. The pauses grow from the first to the last.
	shortestReadPause = 10 * time.Millisecond
	longestReadPause  = time.Second
	// logEvery is how often errors of a socket are logged.
	logEvery = time.Minute
)

// clockStart is time 0 of the guard.
var clockStart = time.Now()

func newPacketEcho(s *server, conn PacketConn, spec sock.Spec) *packetEcho {
	return &packetEcho{
		server:  s,
		conn:    conn,
		spec:    spec,
		buf:     make([]byte, bufferSize),
		control: make([]byte, sock.ControlSize),
	}
}

// run answers datagrams until Shutdown.
func (p *packetEcho) run() {
	defer p.close()
	for !isClosed(p.server.draining) {
		if d, ok := p.receive(); ok {
			p.answer(d)
		}
	}
}

func (p *packetEcho) interrupt() { p.conn.SetDeadline(time.Unix(1, 0)) }

func (p *packetEcho) close() { p.conn.Close() }

// receive waits for one datagram. It returns false if Shutdown interrupted it, or after
// an error and a pause. With an error ReadMsgUDPAddrPort returns -1 bytes, so its other
// results are not used.
func (p *packetEcho) receive() (d datagram, ok bool) {
	n, controlled, _, src, err := p.conn.ReadMsgUDPAddrPort(p.buf, p.control)
	if err != nil {
		p.failed(err)
		return datagram{}, false
	}
	p.pause = 0
	return datagram{
		payload: p.buf[:n],
		src:     src,
		info:    sock.ParseControl(p.control[:controlled]),
		cut:     n == len(p.buf),
	}, true
}

// failed counts a failed read, binds the socket again if the kernel has unbound it, and
// pauses, because the next read may fail in the same way.
func (p *packetEcho) failed(err error) {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return
	}
	p.server.count.DatagramErrors.Add(1)
	rebound, rebindErr := p.server.calls.RebindConn(p.conn, p.spec)
	if now := time.Now(); rebound || p.logged.IsZero() || now.Sub(p.logged) >= logEvery {
		p.logged = now
		p.server.cfg.Log.Warn("datagram socket cannot be read", slog.String("url", p.spec.String()),
			slog.Any("error", errors.Join(err, rebindErr)), slog.Bool("rebound", rebound))
	}
	p.pause = min(max(2*p.pause, shortestReadPause), longestReadPause)
	p.server.sleep(p.pause, p.server.draining)
}

// answer sends d back, or counts why it does not.
func (p *packetEcho) answer(d datagram) {
	count := &p.server.count
	count.DatagramsIn.Add(1)
	drop := p.check(d)
	if drop == echo.Answer {
		drop = p.send(d)
	}
	if drop == echo.Answer {
		count.DatagramsOut.Add(1)
	} else {
		count.Drops[drop].Add(1)
	}
}

// check returns echo.Answer if d may be answered, or else the reason why not.
func (p *packetEcho) check(d datagram) echo.Drop {
	if d.cut {
		return echo.DropTruncated
	}
	dst := p.spec.Addr
	if d.info.Dst.IsValid() {
		dst = netip.AddrPortFrom(d.info.Dst, dst.Port())
	}
	return p.server.guard.Check(int64(time.Since(clockStart)), unmapped(d.src), unmapped(dst), d.payload)
}

// send sends d back, from the address that it was sent to.
func (p *packetEcho) send(d datagram) echo.Drop {
	control := p.control[:sock.PutControl(p.control[:cap(p.control)], d.info, d.src.Addr())]
	_, _, err := p.conn.WriteMsgUDPAddrPort(d.payload, control, d.src)
	switch {
	case err == nil:
		return echo.Answer
	case errors.Is(err, syscall.ENOBUFS), errors.Is(err, os.ErrDeadlineExceeded):
		return echo.DropFull
	default:
		return echo.DropRefused
	}
}

// unmapped returns the IPv4 address of an IPv4 peer of a dual-stack socket.
func unmapped(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}
