package agent

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"echod/internal/dial"
	"echod/internal/trace"
)

// connLife is the trace of one connection, if it is traced. The lines of the protocol are steps
// without their words, which have the token, and their bytes do not count: the bytes of the trace are
// those of the scenario, as in its report.
type connLife struct {
	*trace.Life             // nil if the connection is not traced
	closed      atomic.Bool // the life has ended
}

func (s *Server) beginLife(conn net.Conn) *connLife {
	var peer netip.AddrPort
	if tcp, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
		peer = netip.AddrPortFrom(tcp.AddrPort().Addr().Unmap(), tcp.AddrPort().Port())
	}
	l := &connLife{Life: s.Trace.Begin(peer)}
	l.record(l.Now(), conn, nil, trace.Record{Op: trace.Accept, Call: "Accept", Peer: peer.String(), Engine: "agent", FD: -1})
	return l
}

// record records a call on conn that began at begin and returned err.
func (l *connLife) record(begin time.Duration, conn net.Conn, err error, rec trace.Record) {
	if l.Life != nil && !l.closed.Load() {
		l.write(begin, conn, err, rec)
	}
}

func (l *connLife) write(begin time.Duration, conn net.Conn, err error, rec trace.Record) {
	if errors.Is(err, errTruncated) {
		err = errors.New("truncated")
	}
	if rec.Asked > 0 {
		rec.Args = fmt.Sprint(rec.Asked)
	}
	l.Call(begin, dial.Transport(conn), err, rec)
}

// close closes conn with end, and records it the first time. If fin, end sends a FIN unless conn was
// closed before.
func (l *connLife) close(conn net.Conn, fin bool, end func(net.Conn) error) error {
	begin := l.Now()
	err := end(conn)
	if l.Life == nil || l.closed.Swap(true) {
		return err
	}
	why := "a reset, as the scenario says, or because it has failed or was ended"
	if fin && err == nil {
		why = "a FIN: what was asked for is done"
		l.write(begin, conn, nil, trace.Record{Op: trace.LingerOff, Call: "SetLinger", Args: "-1"})
	}
	l.write(begin, conn, err, trace.Record{Op: trace.Close, Call: "Close", Why: why})
	return err
}

// closeWrite half-closes conn.
func (l *connLife) closeWrite(conn net.Conn) error {
	begin := l.Now()
	err := conn.(interface{ CloseWrite() error }).CloseWrite()
	rec := trace.Record{Op: trace.Shutdown, Call: "CloseWrite", Why: "a FIN: the scenario sends it first"}
	if _, secure := conn.(*tls.Conn); secure {
		rec.Op, rec.Why = trace.CloseNotify, ""
	}
	l.record(begin, conn, err, rec)
	return err
}
