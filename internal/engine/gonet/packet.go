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

// packet is one UDP socket and the goroutine that answers what arrives on it.
// No error ends it, only Shutdown does.
type packet struct {
	server  *server
	conn    PacketConn
	spec    sock.Spec // where it is bound
	buf     []byte
	control []byte
	pause   time.Duration // how long it last paused; 0 since a datagram came
	logged  time.Time     // when an error was last logged
}

// datagram is one that was received. Its payload is in the packet's buffer until
// the next one is received.
type datagram struct {
	payload []byte
	src     netip.AddrPort
	info    sock.PktInfo
	cut     bool // it may have been longer than its payload
}

const (
	// largest is more than any datagram holds: one that fills it was cut.
	largest = 64 << 10
	// A socket that cannot be read pauses, first shortly, then longer.
	shortestReadPause = 10 * time.Millisecond
	longestReadPause  = time.Second
	// logEvery is how often such a socket is logged.
	logEvery = time.Minute
)

// begun is where the guard's clock starts.
var begun = time.Now()

func newPacket(s *server, conn PacketConn, spec sock.Spec) *packet {
	return &packet{
		server:  s,
		conn:    conn,
		spec:    spec,
		buf:     make([]byte, largest),
		control: make([]byte, sock.ControlSize),
	}
}

// run answers datagrams until Shutdown.
func (p *packet) run() {
	defer p.close()
	for !isClosed(p.server.draining) {
		if d, ok := p.receive(); ok {
			p.answer(d)
		}
	}
}

func (p *packet) interrupt() { p.conn.SetDeadline(time.Unix(1, 0)) }

func (p *packet) close() { p.conn.Close() }

// receive waits for one datagram. If ok is false there is none: Shutdown
// interrupted the wait, or the socket could not be read and receive has paused.
// Nothing that ReadMsgUDPAddrPort returns beside an error is used; it returns
// -1 bytes then.
func (p *packet) receive() (d datagram, ok bool) {
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

// failed counts a read that failed, binds the socket again if the kernel has
// unbound it, and pauses, because the next read may fail the same way.
func (p *packet) failed(err error) {
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

// answer sends d back, or counts why not.
func (p *packet) answer(d datagram) {
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

// check reports whether d may be answered.
func (p *packet) check(d datagram) echo.Drop {
	if d.cut {
		return echo.DropTruncated
	}
	dst := p.spec.Addr
	if d.info.Dst.IsValid() {
		dst = netip.AddrPortFrom(d.info.Dst, dst.Port())
	}
	return p.server.guard.Check(int64(time.Since(begun)), unmapped(d.src), unmapped(dst), d.payload)
}

// send answers from the address that d was sent to.
func (p *packet) send(d datagram) echo.Drop {
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

// unmapped says an IPv4 peer of a dual-stack socket in its own terms.
func unmapped(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}
