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
	server    *server
	conn      PacketConn
	spec      sock.Spec // the address it is bound to
	trains    sock.Trains
	inherited bool // another process may serve it later
	buf       []byte
	control   []byte
	pause     time.Duration // the last pause after an error; 0 after a datagram
	logged    time.Time     // when an error was last logged
}

// message is a datagram that was received, or a train of them. Its payload is in
// packetEcho.buf until the next one is received.
type message struct {
	train echo.Train
	src   netip.AddrPort
	info  sock.PktInfo
	cut   bool  // it may have been longer than the buffer
	at    int64 // when it was received: a time of the guard, in nanoseconds
}

const (
	// bufferSize is larger than any message: one that fills the buffer was cut.
	bufferSize = 64 << 10
	// After an error the socket pauses. The pauses grow from the first to the last.
	shortestReadPause = 10 * time.Millisecond
	longestReadPause  = time.Second
	// logEvery is how often errors of a socket are logged.
	logEvery = time.Minute
)

// clockStart is time 0 of the guard.
var clockStart = time.Now()

func newPacketEcho(s *server, conn PacketConn, spec sock.Spec, inherited bool) *packetEcho {
	return &packetEcho{
		server:    s,
		conn:      conn,
		spec:      spec,
		trains:    sock.Trains{Enabled: s.calls.ReceiveTrains(conn, true)},
		inherited: inherited,
		buf:       make([]byte, bufferSize),
		control:   make([]byte, sock.ControlSize),
	}
}

// run answers datagrams until Shutdown.
func (p *packetEcho) run() {
	defer p.close()
	for !isClosed(p.server.draining) {
		if m, ok := p.receive(); ok {
			p.answer(m)
		}
	}
}

func (p *packetEcho) interrupt() { p.conn.SetDeadline(time.Unix(1, 0)) }

func (p *packetEcho) close() {
	if p.inherited && p.trains.Enabled { // the next process may not know trains
		p.server.calls.ReceiveTrains(p.conn, false)
	}
	p.conn.Close()
}

// receive waits for one message. It returns false if Shutdown interrupted it, or after
// an error and a pause. With an error ReadMsgUDPAddrPort returns -1 bytes, so its other
// results are not used.
func (p *packetEcho) receive() (m message, ok bool) {
	n, controlled, _, src, err := p.conn.ReadMsgUDPAddrPort(p.buf, p.control)
	if err != nil {
		p.failed(err)
		return message{}, false
	}
	p.pause = 0
	info := sock.ParseControl(p.control[:controlled])
	return message{train: echo.Train{Bytes: p.buf[:n], Size: int(info.Segment)}, src: src, info: info,
		cut: n == len(p.buf), at: int64(time.Since(clockStart))}, true
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

// answer sends each datagram back, or counts why it does not.
func (p *packetEcho) answer(m message) {
	p.server.count.DatagramsIn.Add(uint64(m.train.Count()))
	if m.cut {
		p.count(echo.DropTruncated, m.train.Count())
		return
	}
	dst := p.spec.Addr
	if m.info.Dst.IsValid() {
		dst = netip.AddrPortFrom(m.info.Dst, dst.Port())
	}
	p.server.guard.CheckTrain(m.at, unmapped(m.src), unmapped(dst), m.train, func(run echo.Train, drop echo.Drop) {
		if drop == echo.Answer {
			p.sendAll(m, run)
		} else {
			p.count(drop, run.Count())
		}
	})
}

// sendAll sends the datagrams of a run back, in trains if it can.
func (p *packetEcho) sendAll(m message, run echo.Train) {
	for left := run.Count(); left > 0; {
		size := run.First()
		n := min(left, p.trains.Most(m.at, size))
		var train echo.Train
		train, run = run.Cut(n)
		left -= n
		drop := p.send(m, train)
		if n > 1 && drop != echo.Answer {
			p.sendSingly(m, train)
			continue
		}
		p.count(drop, n)
	}
}

// sendSingly sends the datagrams of a train that failed as messages of their own.
func (p *packetEcho) sendSingly(m message, train echo.Train) {
	size, sent := train.First(), false
	for range train.Count() {
		var one echo.Train
		one, train = train.Cut(1)
		drop := p.send(m, one)
		sent = sent || drop == echo.Answer
		p.count(drop, 1)
	}
	if sent {
		p.trains.Failed(m.at, size)
	}
}

// count counts datagrams that were answered, or dropped for that reason.
func (p *packetEcho) count(drop echo.Drop, n int) {
	if drop == echo.Answer {
		p.server.count.DatagramsOut.Add(uint64(n))
	} else {
		p.server.count.Drops[drop].Add(uint64(n))
	}
}

// send sends a datagram or a train back in one message, from the address that it was sent to.
func (p *packetEcho) send(m message, train echo.Train) echo.Drop {
	info := m.info
	info.Segment = 0
	if train.Count() > 1 {
		info.Segment = uint16(train.Size)
	}
	control := p.control[:sock.PutControl(p.control[:cap(p.control)], info, m.src.Addr())]
	_, _, err := p.conn.WriteMsgUDPAddrPort(train.Bytes, control, m.src)
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
