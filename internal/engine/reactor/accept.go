//go:build linux

package reactor

import (
	"log/slog"
	"net/netip"
	"sync"

	"golang.org/x/sys/unix"

	"echod/internal/accept"
	"echod/internal/engine"
	"echod/internal/poll"
	"echod/internal/sock"
	"echod/internal/sys"
)

// listener is a listening socket. Loop 0 has all of them. So there is one queue and one
// thread that accepts, and no queued connection is lost when the service ends.
type listener struct {
	fd        int
	spec      sock.Spec
	inherited bool          // another process listens on the socket, too
	options   *sock.Options // to set on accepted sockets; nil if they inherit all of them
	policy    accept.Policy
	watched   bool // by the poller
	warned    bool // a descriptor above maxFD was logged
	closed    bool
}

// acceptsPerIteration limits how long a flood of connections keeps the loop from
// serving those that are open.
const acceptsPerIteration = 64

// handleReadable accepts connections from the queue.
func (ln *listener) handleReadable(l *loop) {
	for range acceptsPerIteration {
		if !ln.acceptOne(l) {
			return
		}
	}
}

// acceptOne accepts one connection if the policy allows it. It reports whether to call
// acceptOne again at once.
func (ln *listener) acceptOne(l *loop) (again bool) {
	if step := ln.policy.Next(l.now()); step != accept.Accept {
		return ln.apply(l, step)
	}
	slots := l.budget.Slots
	if !slots.Acquire() {
		step, event := ln.policy.Full(l.now())
		ln.report(l, event, 0)
		return ln.apply(l, step)
	}
	var addr *unix.RawSockaddrAny
	if l.srv.addresses != nil {
		addr = &l.sockaddr
	}
	fd, errno := l.k.Accept4(ln.fd, addr, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	step, event := ln.policy.Result(l.now(), errno)
	if errno != 0 {
		slots.Release()
		ln.report(l, event, errno)
		return ln.apply(l, step)
	}
	ln.assign(l, fd)
	l.count.Accepted.Add(1)
	return ln.apply(l, step)
}

// apply takes a step of the policy. It reports whether to accept again at once.
func (ln *listener) apply(l *loop, step accept.Step) (again bool) {
	switch step {
	case accept.Pause:
		ln.unwatch(l)
	case accept.Wait:
		ln.watch(l)
	case accept.Close:
		ln.resetQueue(l)
		ln.close(l)
	}
	return step == accept.Accept
}

// report counts and logs an event of the policy. errno is the error of the call that
// caused it, or 0.
func (ln *listener) report(l *loop, e accept.Event, errno sys.Errno) {
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

// assign gives a new connection to the loop with the fewest connections, or refuses it.
func (ln *listener) assign(l *loop, fd int) {
	if ln.options != nil {
		if err := sock.SetOptions(l.k, fd, ln.spec, *ln.options); err != nil {
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
	if l.srv.addresses != nil && !l.srv.addresses.add(fd, sys.AddrPort(&l.sockaddr).Addr()) {
		l.refuse(fd, engine.RefusedPerIP)
		return
	}
	l.srv.table.grow(fd)
	l.handOff(l.srv.leastLoaded(), handoff{fd: int32(fd), unix: ln.spec.Network == "unix"})
}

// watch has the poller report new connections. If it cannot, the listener pauses and
// then tries again.
func (ln *listener) watch(l *loop) {
	if ln.watched {
		return
	}
	if errno := l.poller.Add(ln.fd, 0, poll.Readable); errno != 0 {
		_, event := ln.policy.Result(l.now(), errno)
		ln.report(l, event, errno)
		return
	}
	ln.watched = true
}

// unwatch ends the watch for a pause. Events are level-triggered, so the poller would
// report the same queue again and again. An empty interest is not enough: a listener
// that another process has shut down would still be reported.
func (ln *listener) unwatch(l *loop) {
	if ln.watched {
		l.poller.Remove(ln.fd)
		ln.watched = false
	}
}

// resume watches the queue again when a pause has ended: after its time, when a
// connection has ended, or when a slot is free. In a drain it accepts what it can.
func (ln *listener) resume(l *loop, slotFree bool) {
	if ln.closed || ln.watched {
		return
	}
	if slotFree {
		ln.policy.SlotFree()
	}
	if len(l.ended) > 0 {
		ln.policy.ConnectionEnded()
	}
	switch {
	case ln.policy.Draining():
		ln.drain(l)
	case ln.policy.Next(l.now()) == accept.Accept:
		ln.watch(l)
	}
}

// drain accepts the connections in the queue and closes the listener. If no slot is
// free, the next call goes on.
func (ln *listener) drain(l *loop) {
	if ln.closed {
		return
	}
	if !ln.policy.Draining() {
		ln.unlink(l) // so that no connection can join the queue of a unix socket
		ln.policy.Drain(l.now(), sock.QueueLength(l.k, ln.fd))
		ln.unwatch(l)
	}
	for ln.acceptOne(l) {
	}
}

// resetQueue resets and counts the connections that are still in the queue. A queue that
// another process shares is left to that process.
func (ln *listener) resetQueue(l *loop) {
	if ln.inherited {
		return
	}
	for range accept.MaxQueue {
		fd, errno := l.k.Accept4(ln.fd, nil, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		switch errno {
		case 0: // it has SO_LINGER from the listener, so closing it resets it
			l.count.Closes[engine.Drained].Add(1)
			l.count.Accepted.Add(1)
			l.k.Close(fd)
		case unix.EINTR:
		default:
			return
		}
	}
}

// close closes the listener. It removes the file of a unix socket first, while no other
// process can have replaced it.
func (ln *listener) close(l *loop) {
	if ln.closed {
		return
	}
	ln.closed = true
	delete(l.handlers, int32(ln.fd))
	ln.unwatch(l)
	ln.unlink(l)
	l.k.Close(ln.fd)
	if l.srv.listening.Add(-1) == 0 {
		l.srv.wake() // loops without connections can end now
	}
}

func (ln *listener) unlink(l *loop) {
	if err := ln.spec.Unlink(); err != nil {
		l.log.Warn("socket file not removed", slog.String("url", ln.spec.String()), slog.Any("error", err))
	}
}

// addresses has the address of each connection, for the limit on connections per
// address. A server has one only if that limit is set, so that connections need no
// memory for an address otherwise.
type addresses struct {
	slots *accept.Slots
	mu    sync.Mutex
	byFD  map[int]netip.Addr
}

func newAddresses(slots *accept.Slots) *addresses {
	return &addresses{slots: slots, byFD: make(map[int]netip.Addr)}
}

// add counts a connection. It returns false if the address is at its limit.
func (a *addresses) add(fd int, addr netip.Addr) bool {
	if !a.slots.AcquireFor(addr) {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.byFD[fd] = addr
	return true
}

// remove reverses add. It does nothing if fd was not added.
func (a *addresses) remove(fd int) {
	a.mu.Lock()
	addr, ok := a.byFD[fd]
	delete(a.byFD, fd)
	a.mu.Unlock()
	if ok {
		a.slots.ReleaseFor(addr)
	}
}
