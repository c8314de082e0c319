//go:build linux

package reactor

import (
	"encoding/binary"
	"log/slog"
	"net/netip"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"echod/internal/engine"
	"echod/internal/sock"
	"echod/internal/sys"
)

// listener is a listening socket. Loop 0 has them all: one queue, one accepter,
// so that nothing queued is lost when the service ends.
type listener struct {
	fd      int
	spec    sock.Spec
	lacking *sock.Options // what accepted sockets do not inherit; nil if they inherit all
	wakeAt  int64         // when it looks again; 0 while it is not resting
	pause   time.Duration // how long it rested last; 0 since somebody was let in
	failed  int           // failures of accept in a row
	warned  bool          // that descriptors beyond the poller's reach are refused
	told    int64         // when a rest was last logged
	retired bool          // closed
}

const (
	// acceptsPerTurn keeps a flood of connects from starving those served.
	acceptsPerTurn = 64
	// mostInARow is how many callers may be lost one after the other before
	// the listener rests.
	mostInARow = 64
	// A listener that met a shortage rests, first shortly, then longer.
	shortestPause = 100 * time.Millisecond
	longestPause  = time.Second
)

// ready takes in what is queued, up to a turn's share.
func (ln *listener) ready(l *loop) {
	for range acceptsPerTurn {
		if !ln.accept(l) {
			return
		}
	}
}

// accept takes in one connection and tells whether there may be another.
func (ln *listener) accept(l *loop) bool {
	if !l.budget.Open() {
		ln.rest(l, engine.AcceptFull, nil)
		return false
	}
	var peer *unix.RawSockaddrAny
	if l.srv.peers != nil {
		peer = &l.peer
	}
	fd, errno := l.k.Accept4(ln.fd, peer, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	if errno == 0 {
		ln.pause, ln.failed = 0, 0
		ln.welcome(l, fd)
		l.count.Accepted.Add(1)
		return true
	}
	l.budget.Close()
	switch errno {
	case unix.EAGAIN:
		ln.failed = 0
		return false
	case unix.EINTR:
		return true
	}
	return ln.endure(l, errno)
}

// endure counts a failure of accept and tells whether to go on at once. A
// shortage lasts for a while. What costs one caller alone may still be the
// answer to every call, as EPERM is where a policy forbids accepting.
func (ln *listener) endure(l *loop, errno sys.Errno) bool {
	trouble, shortage := engine.ClassifyAccept(errno)
	ln.failed++
	if shortage || ln.failed >= mostInARow {
		ln.failed = 0
		ln.rest(l, trouble, errno)
		return false
	}
	l.count.Accepts[trouble].Add(1)
	return true
}

// welcome finds the loop that serves the new connection: the one with fewest.
func (ln *listener) welcome(l *loop, fd int) {
	if ln.lacking != nil {
		if err := sock.Equip(l.k, fd, ln.spec, *ln.lacking); err != nil {
			l.refuse(fd, engine.RefusedMemory)
			return
		}
	}
	if max := l.srv.maxFD; max > 0 && fd > max {
		if !ln.warned {
			ln.warned = true
			l.log.Warn("connection refused: its descriptor is beyond what the engine can wait for",
				slog.String("engine", l.srv.name), slog.Int("fd", fd), slog.Int("max", max))
		}
		l.refuse(fd, engine.RefusedFD)
		return
	}
	if l.srv.peers != nil && !l.srv.peers.enter(fd, addrOf(&l.peer).Addr()) {
		l.refuse(fd, engine.RefusedPerIP)
		return
	}
	l.srv.table.grow(fd)
	l.srv.leastBusy().hand(l, newcomer{fd: int32(fd), unix: ln.spec.Network == "unix"})
}

// rest stops listening for a while. Level-triggered readiness would otherwise
// report the same queued connection at once, for ever.
func (ln *listener) rest(l *loop, why engine.AcceptTrouble, errno error) {
	l.count.Accepts[why].Add(1)
	if ln.told == 0 || l.now()-ln.told > int64(time.Minute) {
		ln.told = l.now()
		l.log.Warn("listener rests", slog.String("url", ln.spec.String()),
			slog.String("reason", why.String()), slog.Any("error", errno))
	}
	ln.pause = min(max(2*ln.pause, shortestPause), longestPause)
	ln.wakeAt = l.now() + int64(ln.pause)
	l.poller.mod(ln.fd, 0, nothing)
}

// wake listens again when the pause is over, and earlier if a connection ended:
// that may be just what was missing.
func (ln *listener) wake(l *loop) {
	if ln.wakeAt == 0 || (l.now() < ln.wakeAt && len(l.dead) == 0) {
		return
	}
	if errno := l.poller.mod(ln.fd, 0, readable); errno != 0 {
		ln.wakeAt = l.now() + int64(longestPause)
		return
	}
	ln.wakeAt = 0
}

// close ends the listener. What is still queued is reset by the kernel. The file
// of a unix socket goes first, while nobody can have taken it for stale.
func (ln *listener) close(l *loop) {
	if ln.retired {
		return
	}
	ln.retired, ln.wakeAt = true, 0
	delete(l.others, int32(ln.fd))
	l.poller.del(ln.fd)
	if err := ln.spec.Unlink(); err != nil {
		l.log.Warn("socket file stays", slog.String("url", ln.spec.String()), slog.Any("error", err))
	}
	l.k.Close(ln.fd)
	if l.srv.listening.Add(-1) == 0 {
		l.srv.wake() // some loops wait for nothing but this
	}
}

// addrOf is the address in a sockaddr; invalid for a unix peer, which has none.
func addrOf(peer *unix.RawSockaddrAny) netip.AddrPort {
	inet := (*unix.RawSockaddrInet4)(unsafe.Pointer(peer))
	port := binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(&inet.Port))[:]) // where IPv6 has it too
	switch peer.Addr.Family {
	case unix.AF_INET:
		return netip.AddrPortFrom(netip.AddrFrom4(inet.Addr), port)
	case unix.AF_INET6:
		inet6 := (*unix.RawSockaddrInet6)(unsafe.Pointer(peer))
		return netip.AddrPortFrom(netip.AddrFrom16(inet6.Addr), port)
	}
	return netip.AddrPort{}
}
