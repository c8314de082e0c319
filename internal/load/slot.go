package load

import (
	"cmp"
	"math/rand/v2"
	"time"

	"echod/internal/dial"
)

// slot is one of the connections of the plan: it has one connection at a time, and another
// one when that ends. It is the policy of a load without the I/O: when to connect, what to
// send when, and what to do after an answer, a failure or a timeout. Both drivers use it. It
// also reports every outcome to the tally.
//
// A driver reports what happened by calling the methods whose comments say "is called". After
// each of them it calls next, and does what that returns, until it returns wait:
//
//	closed --connect--> connecting --connected--> open --ended, lost--> closing --disconnect--> closed
//
// A slot is for one goroutine at a time. Times are nanoseconds on the clock of the run.
type slot struct {
	*run
	tally   account // for its address
	id      int
	sizes   *rand.Rand
	state   state
	started bool // the load has started; before that, connections are only opened
	stopped bool // it makes no more connections

	// What each message needs comes first: it is in few lines of the processor's caches.
	stream     stream
	halfClosed bool // churn: the FIN is sent

	number  int        // of its connections so far
	begun   int64      // when the last connect was started
	retryAt int64      // no connect before this time
	backoff backoff    // after a failure
	class   dial.Class // why the last connection failed

	datagrams datagrams
	unsent    queue      // datagrams that are to be sent
	sending   []message  // those of nextDatagram whose send has no outcome yet
	errors    uint64     // of its datagram sockets
	refused   int        // of these, the errors that no datagram has been counted for yet
	reason    dial.Class // of the last of them

	waiting queue // churn: messages without a connection
}

type state uint8

const (
	closed     state = iota
	connecting       // a connect is in progress
	open
	closing // the driver must close the connection
)

// action is what a driver must do for a slot.
type action uint8

const (
	wait         action = iota // nothing, until something happens or until retryAt
	connect                    // call connecting, then connected or connectFailed
	send                       // send stream.next, and call stream.wrote
	halfClose                  // send a FIN, and set halfClosed
	sendDatagram               // send nextDatagram, or several, and call sentDatagrams, sendFailed or sendAgain
	disconnect                 // close the connection, if there is one, and call disconnected
)

func newSlot(r *run, id int) slot {
	s := slot{run: r, tally: r.accountOf(id), id: id, sizes: rand.New(rand.NewPCG(r.Seed, uint64(id)))}
	s.datagrams = datagrams{content: r.content, verify: r.Verify, tag: r.tag, conn: id}
	return s
}

// next returns what to do now.
func (s *slot) next(now int64) action {
	switch s.state {
	case closed:
		if s.wantsConnection(now) {
			return connect
		}
	case open:
		switch {
		case s.stream.unsent():
			return send
		case s.Churn && !s.halfClosed:
			return halfClose
		case s.unsent.len() > 0:
			return sendDatagram
		}
	case closing:
		return disconnect
	}
	return wait
}

func (s *slot) wantsConnection(now int64) bool {
	switch {
	case s.stopped || now < s.retryAt:
		return false
	case !s.started:
		return s.retryAt == 0 // one attempt each
	case s.waiting.len() > 0 || s.unsent.len() > 0:
		return true
	case s.Churn && s.Rate.IsZero() && s.tally.claim(now):
		s.waiting.push(message{due: now, from: now})
		return true
	}
	return !s.Churn && !s.tally.isOver(now)
}

// start starts the load.
func (s *slot) start(now int64) {
	s.started = true
	s.fill(now)
}

// fill adds messages until Depth of them are in flight, in a closed loop.
func (s *slot) fill(now int64) {
	if !s.Rate.IsZero() || s.Churn || s.state != open || !s.started {
		return
	}
	free := s.Depth - s.stream.pending.len() - s.datagrams.inFlight - s.unsent.len()
	for range s.tally.claimUpTo(free, now) {
		s.ask(now, now)
	}
}

// ask gives one more message to the connection.
func (s *slot) ask(due, from int64) {
	size := s.Sizes.pick(s.sizes)
	if s.udp() {
		s.unsent.push(message{due: due, from: from, size: size})
		return
	}
	s.tally.sent(due, size)
	s.stream.add(due, from, size)
}

// scheduled is called for a message of the open loop that is due. With churn it waits
// for a connection of its own. Else it fails if there is no connection. It also fails if the
// slot makes no more connections.
func (s *slot) scheduled(due, now int64) {
	switch {
	case s.Churn && !s.stopped:
		s.waiting.push(message{due: due, from: now}) // a generator that is late does not shorten the timeout
	case s.state == open:
		s.ask(due, now)
	default:
		s.tally.failed(due, now, cmp.Or(s.class, dial.Unreachable))
	}
}

// connecting is called when a connect starts.
func (s *slot) connecting(now int64) {
	s.state, s.begun = connecting, now
	s.number++
}

// connected is called when a connection has been made, or a datagram socket.
func (s *slot) connected(now int64) {
	s.state, s.class = open, ""
	s.tally.connected(time.Duration(now - s.begun))
	if s.udp() {
		s.fill(now)
		return
	}
	s.backoff = backoff{}
	s.stream = stream{content: s.content, verify: s.Verify, conn: s.id, start: startOf(s.Seed, s.id, s.number), pending: s.stream.pending}
	s.halfClosed = false
	if m, ok := s.waiting.pop(); ok {
		s.ask(m.due, m.from)
	}
	s.fill(now)
}

// connectFailed is called when a connection could not be made. A message fails with it: in
// a closed loop the one that would be sent on it, which has waited since the connect started,
// with churn the one that waits for it.
func (s *slot) connectFailed(now int64, class dial.Class) {
	s.tally.connectFailed(class)
	if m, ok := s.waiting.pop(); ok {
		s.tally.failed(m.due, now, class)
	} else if s.started && s.Rate.IsZero() && s.tally.claim(s.begun) {
		s.tally.failed(s.begun, now, class)
	}
	s.fail(now, class)
}

// received is called with bytes of the stream.
func (s *slot) received(now int64, p []byte) {
	if s.state != open {
		return
	}
	if wrong := s.stream.receive(p); wrong != nil {
		s.tally.wrong(wrong)
		s.stop(now, dial.Corrupt)
		return
	}
	if s.Churn {
		return // the answer is complete when the stream has ended
	}
	s.tally.answeredAll(now, &s.stream)
	s.fill(now)
}

// ended is called at the end of the stream. With churn that completes the answer.
func (s *slot) ended(now int64) {
	if s.state != open {
		return
	}
	if s.Churn {
		if m, ok := s.stream.answered(); ok {
			s.tally.answered(m.due, now, m.size)
			s.close("")
			return
		}
	}
	s.lost(now, dial.PrematureEOF)
}

// lost is called when the connection failed. Its messages fail with it.
func (s *slot) lost(now int64, class dial.Class) {
	if s.state == open {
		s.tally.failedAll(now, class, &s.stream.pending)
		s.fail(now, class)
	}
}

// nextDatagram writes the datagram to send into buf and returns it. From then on it is in
// flight, although the driver has not sent it yet. The driver may take several before it sends
// them in this order. Then it calls sentDatagrams for those that the socket has taken, and, if
// some are left, sendFailed or sendAgain.
func (s *slot) nextDatagram(now int64, buf []byte) []byte {
	m, _ := s.unsent.pop()
	s.sending = append(s.sending, m)
	return s.datagrams.add(buf, m.due, now, m.size)
}

// sentDatagrams is called when the socket has taken the first n datagrams.
func (s *slot) sentDatagrams(n int) {
	s.tally.sentAll(s.sending[:n])
	s.sending = s.sending[:copy(s.sending, s.sending[n:])]
}

// sendFailed is called when the first datagram could not be sent. The others are sent again.
func (s *slot) sendFailed(now int64, class dial.Class) {
	for len(s.sending) > 1 {
		s.takeBack()
	}
	for _, m := range s.sending {
		if s.datagrams.cancel() {
			s.tally.failed(m.due, now, class)
		}
	}
	s.sending = s.sending[:0]
}

// sendAgain is called when the socket has no space for the datagrams now, or was closed.
func (s *slot) sendAgain() {
	for len(s.sending) > 0 {
		s.takeBack()
	}
}

// takeBack puts the last of the datagrams that were not sent back to those that are to be sent.
func (s *slot) takeBack() {
	last := len(s.sending) - 1
	if s.datagrams.cancel() {
		s.unsent.pushFront(s.sending[last])
	}
	s.sending = s.sending[:last]
}

// receivedDatagram is called with a datagram. A wrong one says nothing about the others, whose
// answers are waited for.
func (s *slot) receivedDatagram(now int64, p []byte) {
	if s.state != open {
		return
	}
	s.tally.received(now, s.datagrams.receive(p))
	s.backoff = backoff{}
	s.fill(now)
}

// receiveFailed is called when receiving from a datagram socket failed. Such an error
// usually is about a datagram that was sent before, e.g. nobody listens at its port: the
// next one whose time is over has failed, and is not lost. If there are more errors than
// datagrams, the socket itself is broken, and would report the error again at once: it is
// replaced.
func (s *slot) receiveFailed(now int64, class dial.Class) {
	if s.state != open {
		return
	}
	s.refused, s.reason = s.refused+1, class
	if s.errors++; s.errors > s.datagrams.count() {
		s.fail(now, class)
	}
}

// expire is called several times within a timeout. What has waited longer than the timeout
// fails: a datagram, a connection with all of its messages, or a message that has none.
func (s *slot) expire(now int64) {
	before := now - int64(s.Timeout)
	if m, ok := s.stream.pending.front(); ok && m.from < before {
		s.lost(now, dial.Timeout)
	}
	s.expireDatagrams(before, now)
	for _, waiting := range []*queue{&s.waiting, &s.unsent} {
		for m, ok := waiting.front(); ok && m.from < before; m, ok = waiting.front() {
			waiting.pop()
			s.tally.failed(m.due, now, cmp.Or(s.class, dial.Timeout))
		}
	}
	s.fill(now)
}

// expireDatagrams removes the datagrams that were sent before that time. As many as have
// been refused have failed, and the others are lost.
func (s *slot) expireDatagrams(before, now int64) {
	for due, ok := s.datagrams.expire(before); ok; due, ok = s.datagrams.expire(before) {
		if s.refused > 0 {
			s.refused--
			s.tally.failed(due, now, s.reason)
		} else {
			s.tally.lost(due, now)
		}
	}
}

// disconnected is called when the driver has closed the connection.
func (s *slot) disconnected() { s.state = closed }

// fail ends a connection that failed; the next one is made after a pause.
func (s *slot) fail(now int64, class dial.Class) {
	s.class = class
	s.retryAt = now + int64(s.backoff.next())
	s.close(class)
}

// stop ends the slot, at the end of the run or because a byte was wrong. What has no answer
// then fails.
func (s *slot) stop(now int64, class dial.Class) {
	s.stopped, s.class = true, class
	s.expireDatagrams(never, now)
	for _, q := range []*queue{&s.stream.pending, &s.unsent, &s.waiting} {
		s.tally.failedAll(now, class, q)
	}
	s.close("")
}

// close has the driver close the connection. The class is why it failed, if it did.
func (s *slot) close(class dial.Class) {
	if s.state == open {
		s.tally.disconnected(class)
	}
	s.state = closing
}
