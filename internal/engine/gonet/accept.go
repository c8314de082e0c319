package gonet

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"net"

	"echod/internal/accept"
	"echod/internal/engine"
	"echod/internal/sock"
	"echod/internal/trace"
)

// acceptor accepts the connections of one listening socket. No error of accept(2)
// stops it, only Shutdown does.
type acceptor struct {
	server    *server
	ln        *accept.Listener
	spec      sock.Spec
	inherited bool        // another process has bound the socket
	tls       *tls.Config // nil without TLS
}

func newAcceptor(s *server, socket StreamListener, spec sock.Spec, inherited bool, config *tls.Config) *acceptor {
	return &acceptor{server: s, spec: spec, inherited: inherited, tls: config, ln: accept.NewListener(accept.Config{
		Socket:      socket,
		Slots:       s.cfg.Budget.Slots,
		Shared:      inherited,
		QueueLength: func() int { return s.calls.AcceptQueue(socket) },
		Pending:     s.calls.Waiting(socket),
		Count:       func(r accept.Reason) { s.count.Accepts[r].Add(1) },
		URL:         spec.String(),
		Log:         s.cfg.Log,
	})}
}

// run accepts connections until Shutdown and then those that are in the queue. It
// closes the listener.
func (a *acceptor) run() {
	defer a.close()
	for {
		peer, err := a.ln.AcceptConn()
		switch {
		case err == nil:
			a.serve(peer)
		case peer != nil: // accepted when the drain had no time left
			closeByReset(peer)
			life := a.server.beginLife(peer, addrOf(peer))
			peer.Close()
			life.Call(life.Now(), peer, nil, trace.Record{Op: trace.Close, Call: "Close"})
			a.server.count.Closes[engine.Drained].Add(1)
			a.server.count.Accepted.Add(1)
		default:
			return
		}
	}
}

// drain stops waiting for new connections. Those in the queue are still served. It
// removes the file of a unix socket first, so that no connection can join the queue.
func (a *acceptor) drain() {
	a.unlink()
	a.ln.Drain()
}

// close closes the socket and removes its file, if it has one.
func (a *acceptor) close() {
	a.unlink()
	a.ln.Close()
}

func (a *acceptor) unlink() {
	if err := a.spec.Unlink(); err != nil {
		a.server.cfg.Log.Warn("socket file not removed", slog.String("url", a.spec.String()), slog.Any("error", err))
	}
}

// serve serves an accepted connection.
func (a *acceptor) serve(peer net.Conn) {
	if err := a.prepare(peer); err != nil { // the peer has closed it already
		a.server.count.Accepts[accept.Aborted].Add(1)
		peer.Close()
		a.server.cfg.Budget.Slots.Release()
		return
	}
	a.server.admit(peer, a.tls)
}

// prepare sets the socket options of an accepted connection before its first byte. It has
// none of its own if a TCP listener of ours has passed on all of them: not on systems
// other than Linux, and not if it was queued before an inherited listener became ours.
func (a *acceptor) prepare(peer net.Conn) error {
	switch peer := peer.(type) {
	case tcpConn:
		if sock.AcceptInherits && !a.inherited {
			return nil
		}
		ka := a.server.cfg.KeepAlive
		return errors.Join(
			closeByReset(peer),
			peer.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: ka.Idle, Interval: ka.Interval, Count: ka.Count}),
		)
	case socketConn:
		if raw, err := peer.SyscallConn(); err == nil && sock.CanLeaveUnread {
			return a.server.calls.SetOOBInline(raw)
		}
	}
	return nil
}

// admit starts the goroutine of an accepted connection. AcceptConn has counted the
// connection in Budget.Slots. If it cannot be served, it is reset.
func (s *server) admit(peer net.Conn, config *tls.Config) {
	defer s.count.Accepted.Add(1)
	c := s.newConn(peer, config)
	life := s.beginLife(peer, c.addr())
	c.life.Store(life)
	if !s.cfg.Budget.Slots.AcquireFor(c.addr().Addr()) {
		s.count.Refused[engine.RefusedPerIP].Add(1)
		peer.Close()
		life.Call(life.Now(), peer, nil, trace.Record{Op: trace.Close, Call: "Close"})
		s.cfg.Budget.Slots.Release()
		return
	}
	s.count.Active.Add(1)
	s.mu.Lock()
	tooLate := s.reset
	if !tooLate {
		s.conns[c] = struct{}{}
	}
	s.mu.Unlock()
	if tooLate {
		c.end(engine.Drained)
		return
	}
	s.group.Go(c.serve)
}

// closeByReset makes every close of a TCP connection a reset: a close of ours, and
// that of the kernel when the process dies.
func closeByReset(peer net.Conn) error {
	if tcp, ok := peer.(tcpConn); ok {
		return tcp.SetLinger(0) // SO_LINGER {1, 0} (socket(7))
	}
	return nil
}
