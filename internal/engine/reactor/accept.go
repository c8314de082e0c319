//go:build linux

package reactor

import (
	"encoding/binary"
	"log/slog"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"

	"echod/internal/accept"
	"echod/internal/engine"
	"echod/internal/poll"
	"echod/internal/sock"
	"echod/internal/sys"
)

// listener is a listening socket. Loop 0 has all of them: one queue and one thread
// that accepts, so that nothing queued is lost when the service ends.
type listener struct {
	fd        int
	spec      sock.Spec
	inherited bool          // another process listens on it, too
	equip     *sock.Options // what accepted sockets do not inherit; nil if they inherit all
	policy    accept.Policy
	watched   bool // by the poller
	warned    bool // that descriptors beyond the poller's reach are refused
	closed    bool
}

// acceptsPerTurn keeps a flood of connects from starving those who are served.
const acceptsPerTurn = 64

// ready accepts callers from the queue, up to a turn's share.
func (ln *listener) ready(l *loop) {
	for range acceptsPerTurn {
		if !ln.accept(l) {
			return
		}
	}
}

// accept takes in one caller, if the policy allows it. It reports whether to look
// for another one at once.
func (ln *listener) accept(l *loop) bool {
	if step := ln.policy.Next(l.now()); step != accept.Accept {
		return ln.follow(l, step)
	}
	slots := l.budget.Slots
	if !slots.Acquire() {
		step, event := ln.policy.Full(l.now())
		ln.note(l, event, 0)
		return ln.follow(l, step)
	}
	var peer *unix.RawSockaddrAny
	if l.srv.peers != nil {
		peer = &l.peer
	}
	fd, errno := l.k.Accept4(ln.fd, peer, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	step, event := ln.policy.Result(l.now(), errno)
	if errno != 0 {
		slots.Release()
		ln.note(l, event, errno)
		return ln.follow(l, step)
	}
	ln.assign(l, fd)
	l.count.Accepted.Add(1)
	return ln.follow(l, step)
}

// follow does what the policy says. It reports whether to accept again at once.
func (ln *listener) follow(l *loop, step accept.Step) bool {
	switch step {
	case accept.Pause:
		ln.unwatch(l)
	case accept.Wait:
		ln.watch(l)
	case accept.Close:
		ln.refuseQueue(l)
		ln.close(l)
	}
	return step == accept.Accept
}

func (ln *listener) note(l *loop, e accept.Event, errno sys.Errno) {
	if e.Counted {
		l.count.Accepts[e.Reason].Add(1)
	}
	if !e.Log {
		return
	}
	var err error
	if errno != 0 {
		err = errno
	}
	accept.LogPause(l.log, ln.spec.String(), e, err)
}

// assign gives the new connection to the loop with the fewest.
func (ln *listener) assign(l *loop, fd int) {
	if ln.equip != nil {
		if err := sock.SetOptions(l.k, fd, ln.spec, *ln.equip); err != nil {
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

// watch has the poller report callers. If it cannot, it tries again after a pause.
func (ln *listener) watch(l *loop) {
	if ln.watched {
		return
	}
	if errno := l.poller.Add(ln.fd, 0, poll.Readable); errno != 0 {
		_, event := ln.policy.Result(l.now(), errno)
		ln.note(l, event, errno)
		return
	}
	ln.watched = true
}

// unwatch ends the watch: readiness is level-triggered, so the poller would report
// the same queue at once, for ever. It would report a listener that another process
// has shut down even if nothing was wanted of it.
func (ln *listener) unwatch(l *loop) {
	if ln.watched {
		l.poller.Remove(ln.fd)
		ln.watched = false
	}
}

// resume watches the queue again when a pause has ended: when its time is over, when
// a connection has ended, or when a place is free.
func (ln *listener) resume(l *loop, freed bool) {
	if ln.closed || ln.watched {
		return
	}
	if freed {
		ln.policy.SlotFree()
	}
	if len(l.dead) > 0 {
		ln.policy.ConnectionEnded()
	}
	switch {
	case ln.policy.Draining():
		ln.drain(l)
	case ln.policy.Next(l.now()) == accept.Accept:
		ln.watch(l)
	}
}

// drain takes in the queue and closes the listener. At the limit on connections it
// goes on as slots become free.
func (ln *listener) drain(l *loop) {
	if ln.closed {
		return
	}
	if !ln.policy.Draining() {
		ln.unlink(l) // nobody can join the queue of a unix socket now
		ln.policy.Drain(l.now(), sock.QueueLength(l.k, ln.fd))
		ln.unwatch(l)
	}
	for ln.accept(l) {
	}
}

// refuseQueue resets and counts whoever is in the queue and must not be served. A
// queue that another process shares is left to it.
func (ln *listener) refuseQueue(l *loop) {
	if ln.inherited {
		return
	}
	for range accept.MaxQueue {
		fd, errno := l.k.Accept4(ln.fd, nil, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		switch errno {
		case 0: // closing it resets it: SO_LINGER came with it from the listener
			l.count.Closes[engine.Drained].Add(1)
			l.count.Accepted.Add(1)
			l.k.Close(fd)
		case unix.EINTR:
		default:
			return
		}
	}
}

// close closes the listener. The file of a unix socket goes first, while nobody can
// have taken it for stale.
func (ln *listener) close(l *loop) {
	if ln.closed {
		return
	}
	ln.closed = true
	delete(l.others, int32(ln.fd))
	ln.unwatch(l)
	ln.unlink(l)
	l.k.Close(ln.fd)
	if l.srv.listening.Add(-1) == 0 {
		l.srv.wake() // some loops wait for nothing but this
	}
}

func (ln *listener) unlink(l *loop) {
	if err := ln.spec.Unlink(); err != nil {
		l.log.Warn("socket file not removed", slog.String("url", ln.spec.String()), slog.Any("error", err))
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
