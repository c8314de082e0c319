package gonet

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"echod/internal/engine"
	"echod/internal/sock"
)

// acceptor waits for callers on one listening socket. No error ends it, only
// Shutdown does.
type acceptor struct {
	server *server
	ln     streamListener
	spec   sock.Spec
	tls    *tls.Config   // nil without TLS
	failed int           // failures of accept in a row
	pause  time.Duration // how long it last rested among them
}

// streamListener is what *net.TCPListener and *net.UnixListener have in common.
type streamListener interface {
	net.Listener
	syscall.Conn
	SetDeadline(time.Time) error
}

const (
	// A listener that met a shortage rests, first shortly, then longer.
	shortestPause = 100 * time.Millisecond
	longestPause  = time.Second
	// What costs one caller only may still be the answer to every accept, as
	// EPERM is where a policy forbids it: after so many in a row it rests too.
	mostInARow = 64
	// lull is how long nobody may come before a queue is taken to be empty:
	// net has no accept that does not wait.
	lull = 20 * time.Millisecond
	// longestDrain is how long newcomers may keep it from being empty.
	longestDrain = time.Second
)

// run accepts until Shutdown interrupts it, takes in who is queued by then, and
// closes the listener. More than a backlog cannot have been queued.
func (a *acceptor) run() {
	defer a.close()
	for a.accept() {
	}
	end := time.Now().Add(longestDrain)
	for range sock.Backlog {
		now := time.Now()
		if now.After(end) {
			return
		}
		a.ln.SetDeadline(now.Add(lull))
		if !a.accept() {
			return
		}
	}
}

// interrupt ends the wait for callers. Whoever is queued still gets in.
func (a *acceptor) interrupt() { a.ln.SetDeadline(time.Unix(1, 0)) }

// close closes the socket and removes its file, if it has one.
func (a *acceptor) close() {
	a.spec.Unlink()
	a.ln.Close()
}

// accept takes in one caller, or waits out the trouble that kept it from doing
// so. False: it was interrupted.
func (a *acceptor) accept() bool {
	peer, err := a.ln.Accept()
	switch {
	case err == nil:
		a.failed, a.pause = 0, 0
		a.server.admit(peer, a.tls)
		return true
	case errors.Is(err, os.ErrDeadlineExceeded):
		return false
	default:
		return a.endure(err)
	}
}

// endure counts a failure of accept(2) and rests if it would only repeat.
// False: there is no time left to rest.
func (a *acceptor) endure(err error) bool {
	trouble, shortage := engine.ClassifyAccept(errnoOf(err))
	a.server.count.Accepts[trouble].Add(1)
	a.failed++
	if !shortage && a.failed%mostInARow != 0 {
		return true
	}
	if a.pause == 0 {
		a.server.cfg.Log.Warn("listener rests", slog.String("url", a.spec.String()),
			slog.String("reason", trouble.String()), slog.Any("error", err))
	}
	a.pause = min(max(2*a.pause, shortestPause), longestPause)
	return a.server.sleep(a.pause, nil)
}

// admit serves an accepted connection in a goroutine of its own, or resets it.
//
// A place is taken only now that there is somebody to have it: a listener that
// nobody calls must not keep one from the others. At the limit this one caller
// is held at the door, and those behind it stay in the backlog.
func (s *server) admit(accepted net.Conn, config *tls.Config) {
	peer, err := prepare(accepted, s.cfg.KeepAlive)
	if err != nil {
		s.count.Accepts[engine.AcceptAborted].Add(1)
		accepted.Close()
		return
	}
	placed := s.place()
	defer s.count.Accepted.Add(1)
	if !placed {
		s.count.Closes[engine.Drained].Add(1)
		peer.Close()
		return
	}
	c, refusal, ok := s.seat(peer, config)
	if !ok {
		s.count.Refused[refusal].Add(1)
		peer.Close()
		s.vacate()
		return
	}
	s.start(c)
}

// prepare sets what the peer's connection needs before its first byte. What the
// listening socket bore on Linux is inherited, but not elsewhere, and not by
// those who were queued before an inherited listener became ours.
func prepare(peer net.Conn, ka sock.KeepAlive) (net.Conn, error) {
	switch peer := peer.(type) {
	case *net.TCPConn:
		return peer, errors.Join(
			closeByReset(peer),
			peer.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: ka.Idle, Interval: ka.Interval, Count: ka.Count}),
		)
	case *net.UnixConn:
		return unread(peer)
	}
	return peer, nil
}

// place waits for one of the places that Limits.MaxConns allows. False: there
// is no time left to wait.
func (s *server) place() bool {
	if s.cfg.Budget.Open() {
		return true
	}
	s.count.Accepts[engine.AcceptFull].Add(1)
	s.cfg.Log.Warn("listener rests", slog.String("reason", engine.AcceptFull.String()))
	for s.sleep(shortestPause, s.vacant) {
		if s.cfg.Budget.Open() {
			return true
		}
	}
	return false
}

// vacate gives a place back and tells one who waits for it.
func (s *server) vacate() {
	s.cfg.Budget.Close()
	select {
	case s.vacant <- struct{}{}:
	default:
	}
}

// seat gives peer its share and its first buffer, or says why it cannot. Under
// TLS there is no serving without a buffer: the bytes in the kernel are not those
// to send.
func (s *server) seat(peer net.Conn, config *tls.Config) (c *conn, refusal engine.Refusal, ok bool) {
	addr := addrOf(peer)
	if !s.cfg.Budget.Enter(addr.Addr()) {
		return nil, engine.RefusedPerIP, false
	}
	c = &conn{server: s, peer: peer, addr: addr, number: streams.Add(1)}
	if !c.fit() && (config != nil || !canPass) {
		s.cfg.Budget.Leave(addr.Addr())
		return nil, engine.RefusedMemory, false
	}
	if config != nil {
		c.peer = newSecure(c, config)
	}
	return c, 0, true
}

// addrOf is the peer's address, invalid where it has none.
func addrOf(peer net.Conn) netip.AddrPort {
	if tcp, ok := peer.RemoteAddr().(*net.TCPAddr); ok {
		return unmapped(tcp.AddrPort())
	}
	return netip.AddrPort{}
}
