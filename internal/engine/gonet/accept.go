package gonet

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/netip"

	"echod/internal/accept"
	"echod/internal/engine"
	"echod/internal/sock"
)

// acceptor accepts the callers of one listening socket. No error ends it, only
// Shutdown does.
type acceptor struct {
	server *server
	ln     *accept.Listener
	spec   sock.Spec
	tls    *tls.Config // nil without TLS
}

func newAcceptor(s *server, socket StreamListener, spec sock.Spec, inherited bool, config *tls.Config) *acceptor {
	return &acceptor{server: s, spec: spec, tls: config, ln: accept.NewListener(accept.Config{
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

// run accepts until Shutdown, takes in who is queued by then, and closes the
// listener.
func (a *acceptor) run() {
	defer a.close()
	for {
		peer, err := a.ln.AcceptConn()
		switch {
		case err == nil:
			a.server.admit(peer, a.tls)
		case peer != nil:
			a.server.refuse(peer)
		default:
			return
		}
	}
}

// drain ends the wait for callers. Whoever is queued is still served. The file of a
// unix socket goes first, so that nobody joins the queue.
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

// admit serves an accepted connection, which has a place, in a goroutine of its own,
// or resets it.
func (s *server) admit(accepted net.Conn, config *tls.Config) {
	peer, err := s.prepare(accepted)
	if err != nil {
		s.count.Accepts[accept.Aborted].Add(1)
		accepted.Close()
		s.cfg.Budget.Slots.Release()
		return
	}
	defer s.count.Accepted.Add(1)
	c, refusal, ok := s.seat(peer, config)
	if !ok {
		s.count.Refused[refusal].Add(1)
		peer.Close()
		s.cfg.Budget.Slots.Release()
		return
	}
	s.start(c)
}

// refuse resets a connection for which the drain has no time left.
func (s *server) refuse(accepted net.Conn) {
	closeByReset(accepted)
	accepted.Close()
	s.count.Closes[engine.Drained].Add(1)
	s.count.Accepted.Add(1)
}

// prepare sets what the peer's connection needs before its first byte. What the
// listening socket bore on Linux is inherited, but not elsewhere, and not by
// those who were queued before an inherited listener became ours.
func (s *server) prepare(peer net.Conn) (net.Conn, error) {
	switch peer := peer.(type) {
	case tcpConn:
		ka := s.cfg.KeepAlive
		return peer, errors.Join(
			closeByReset(peer),
			peer.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: ka.Idle, Interval: ka.Interval, Count: ka.Count}),
		)
	case socketConn:
		return unread(peer, s.calls)
	}
	return peer, nil
}

// seat gives peer its share, or says why it cannot.
func (s *server) seat(peer net.Conn, config *tls.Config) (c *conn, refusal engine.Refusal, ok bool) {
	addr := addrOf(peer)
	if !s.cfg.Budget.Slots.AcquireFor(addr.Addr()) {
		return nil, engine.RefusedPerIP, false
	}
	c = &conn{server: s, peer: peer, addr: addr, number: streams.Add(1)}
	c.cache, c.want = s.cacheOf(c.number), s.firstBuffer()
	if config == nil {
		c.from, c.passes = receiverOf(c)
		return c, 0, true
	}
	c.want = min(largestPlaintext, s.cfg.Buffer)
	secured := newSecure(c, config)
	c.peer, c.from = secured, secured
	return c, 0, true
}

// addrOf is the peer's address, invalid where it has none.
func addrOf(peer net.Conn) netip.AddrPort {
	if tcp, ok := peer.RemoteAddr().(*net.TCPAddr); ok {
		return unmapped(tcp.AddrPort())
	}
	return netip.AddrPort{}
}
