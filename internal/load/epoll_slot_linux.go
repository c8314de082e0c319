package load

import (
	"cmp"

	"golang.org/x/sys/unix"

	"echod/internal/dial"
)

// epollSlot is the place of one connection, and of those that follow it when it
// ends.
type epollSlot struct {
	id       int
	life     int // which connection of the slot this is
	fd       int // -1 if there is none
	state    state
	want     uint32
	begun    int64 // when its connect began
	retryAt  int64 // when to connect again; 0 if that is not due
	patience backoff
	class    dial.Class // why the last one failed

	flow    flow
	packets datagramFlow
	failed  uint64 // errors of its sockets for datagrams
	waiting queue  // of churn: messages that have no connection yet
}

type state uint8

const (
	absent     state = iota // there is no connection
	connecting              // there will be one, or not; without fd it waits for room in the listener's queue
	up
)

// startOff is the beginning of the load, for a slot that open has seen to.
func (d *epollDriver) startOff(s *epollSlot) {
	switch {
	case s.state == up:
		d.begin(s)
	case d.Churn && d.Rate == 0:
		d.connect(s)
	}
}

// begin has the first messages of a connection sent.
func (d *epollDriver) begin(s *epollSlot) {
	switch {
	case d.Churn:
		due := s.begun
		if m, ok := s.waiting.take(); ok {
			due = m.due
		}
		d.ask(s, due)
	case d.Rate == 0:
		for i := 0; i < d.Depth && s.state == up; i++ { // the first may find it reset
			d.ask(s, d.now())
		}
	}
}

// push is a message that is due in an open loop.
func (d *epollDriver) push(s *epollSlot, due int64) {
	switch {
	case d.Churn:
		s.waiting.push(message{due: due})
		if s.state == absent && s.retryAt == 0 {
			d.connect(s)
		}
	case s.state == up:
		d.ask(s, due)
	default:
		d.tally.missed(due, d.now(), cmp.Or(s.class, dial.Unreachable))
	}
}

// ask has one more message sent.
func (d *epollDriver) ask(s *epollSlot, due int64) {
	size := d.Sizes.pick(d.random)
	now := d.now()
	d.tally.left(due, now, size)
	if d.out == nil {
		s.flow.push(due, size)
		d.flush(s)
		return
	}
	if _, errno := d.k.Send(s.fd, s.packets.push(d.out, due, now, size), unix.MSG_NOSIGNAL); errno != 0 && errno != unix.EAGAIN {
		d.tally.broke(now, dial.Classify(errno))
	}
}

// flush sends what is asked for, as far as the socket takes it, and asks to be
// told of more room only while it is short of it.
func (d *epollDriver) flush(s *epollSlot) {
	want := uint32(unix.EPOLLIN)
	for s.flow.unsent() && want == unix.EPOLLIN {
		piece := s.flow.next()
		n, errno := d.k.Send(s.fd, piece, unix.MSG_NOSIGNAL)
		if s.flow.wrote(n); n < len(piece) {
			want |= unix.EPOLLOUT
		}
		if errno != 0 && errno != unix.EAGAIN {
			d.lose(s, dial.Classify(errno))
			return
		}
	}
	if d.Churn && !s.flow.unsent() {
		unix.Shutdown(s.fd, unix.SHUT_WR)
	}
	if want != s.want {
		d.watch(unix.EPOLL_CTL_MOD, s, want)
	}
}

// ready serves a slot of which the kernel has something to tell.
func (d *epollDriver) ready(s *epollSlot) {
	switch {
	case s.state == connecting:
		d.settle(s)
	case d.out != nil:
		d.receive(s)
	default:
		if life := s.life; d.read(s) && s.life == life && s.flow.unsent() {
			d.flush(s)
		}
	}
}

// read takes what came on a stream. It returns false if that has ended.
func (d *epollDriver) read(s *epollSlot) bool {
	n, errno := d.k.Recv(s.fd, d.in, 0)
	switch {
	case errno == unix.EAGAIN:
		return true
	case errno != 0:
		d.lose(s, dial.Classify(errno))
		return false
	case n == 0:
		d.ended(s)
		return false
	}
	now := d.now()
	if wrong := s.flow.received(d.in[:n]); wrong != nil {
		d.tally.wrong(wrong)
		return true
	}
	if d.Churn {
		return true // it is whole when the stream has ended
	}
	for m, ok := s.flow.answered(); ok; m, ok = s.flow.answered() {
		d.tally.answered(m.due, now, m.size)
		if d.Rate == 0 {
			s.flow.push(now, d.next(now))
		}
	}
	return true
}

// next is the size of the next message of a closed loop, which leaves now.
func (d *epollDriver) next(now int64) int {
	size := d.Sizes.pick(d.random)
	d.tally.left(now, now, size)
	return size
}

// ended is a stream at its end: for churn the one that was waited for.
func (d *epollDriver) ended(s *epollSlot) {
	m, ok := s.flow.answered()
	if !d.Churn || !ok {
		d.lose(s, dial.PrematureEOF)
		return
	}
	d.tally.answered(m.due, d.now(), m.size)
	d.drop(s)
	if d.Rate == 0 || s.waiting.len() > 0 {
		d.connect(s)
	}
}

// lose counts a connection that failed, with what it has taken with it, and
// makes another one later.
func (d *epollDriver) lose(s *epollSlot, class dial.Class) {
	now := d.now()
	d.tally.gone(now, class, &s.flow.pending)
	d.drop(s)
	s.class = class
	s.retryAt = now + int64(s.patience.next())
}

// drop closes the connection. Closing ends the watch, too: nobody shares the
// descriptor.
func (d *epollDriver) drop(s *epollSlot) {
	d.k.Close(s.fd)
	s.fd, s.state = -1, absent
	d.tally.closed()
}

// receive takes the datagrams that came.
func (d *epollDriver) receive(s *epollSlot) {
	for range eventBatch {
		n, errno := d.k.Recv(s.fd, d.in, 0)
		now := d.now()
		if errno == unix.EAGAIN {
			return
		}
		if errno != 0 {
			if s.failed++; s.failed > s.packets.sent() {
				d.lose(s, dial.Classify(errno)) // the socket's own: it would report it again at once
				return
			}
			d.tally.broke(now, dial.Classify(errno)) // about a datagram that left
			return
		}
		a := s.packets.received(d.in[:n])
		if d.tally.arrived(now, a); a.fresh && d.Rate == 0 {
			d.ask(s, now)
		}
	}
}

// expire gives up what has waited for an answer since then.
func (d *epollDriver) expire(s *epollSlot, then int64) {
	if m, ok := s.flow.pending.front(); ok && m.due < then {
		d.lose(s, dial.Timeout)
		return
	}
	for due, ok := s.packets.expire(then); ok; due, ok = s.packets.expire(then) {
		if d.tally.lost(due, d.now()); d.Rate == 0 {
			d.ask(s, d.now())
		}
	}
}
