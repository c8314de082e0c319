package load

import (
	"context"
	"os"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"echod/internal/dial"
	"echod/internal/poll"
	"echod/internal/sys"
)

// newDriver returns a loop if possible.
func newDriver(r *run) (driver, error) {
	if r.usesGoroutines() {
		return newNetDriver(r)
	}
	return newLoop(r, &sys.Linux{})
}

// usesGoroutines reports whether the driver is that on package net.
func (p Plan) usesGoroutines() bool { return p.needsGoroutines() }

// loop is the fast driver: one thread waits until sockets are ready and makes the system
// calls. A goroutine and a wake-up for each message would cost more than the message.
type loop struct {
	*run
	k      sys.Kernel
	poller poll.Precise
	addrs  []unix.Sockaddr // of the peers
	slots  []loopSlot
	in     []byte // the buffer of every receive of a stream
	batch  *batch // the buffers for datagrams; nil for streams

	opened     int   // how many slots have connected or tried to
	connecting int   // connects in progress
	most       int   // of them
	busy       bool  // several sockets were ready at the last wait
	swept      int64 // when slots were last swept
	nextSwept  int   // the slot to continue with
}

// loopSlot is a slot and its socket.
type loopSlot struct {
	fd       int             // -1: none
	interest poll.Conditions // what the poller watches fd for; 0: it does not watch it
	slot
}

const (
	// scheduleBatch limits what is done for the schedule before sockets have a turn.
	scheduleBatch = 256
	// A sweep is due every sweepEvery nanoseconds and looks at sweepBatch slots at most:
	// with ten thousand slots it must not delay messages.
	sweepEvery = int64(20 * time.Millisecond)
	sweepBatch = 1000
	// turnBatch is how many sockets are read before anything is sent. Calls of one kind in a
	// row cost less: the kernel's code for them is in the processor's caches.
	turnBatch = 16
)

func newLoop(r *run, k sys.Kernel) (driver, error) {
	l := &loop{run: r, k: k, slots: make([]loopSlot, r.share.count()),
		most: max(1, maxConnecting/r.threads())}
	if r.udp() {
		l.batch = newBatch(r.Sizes.Max(), r.GSO)
	} else {
		l.in = make([]byte, window)
	}
	for _, peer := range r.peers {
		addr, err := sockaddr(peer)
		if err != nil {
			return nil, err
		}
		l.addrs = append(l.addrs, addr)
	}
	poller, errno := poll.NewEpoll(k)
	if errno != 0 {
		return nil, os.NewSyscallError("epoll_create1", errno)
	}
	l.poller, l.tally.owned = poller.(poll.Precise), true
	for i := range l.slots {
		l.slots[i] = loopSlot{slot: newSlot(r, r.share.slot(i)), fd: -1}
	}
	if r.GSO {
		if err := l.checkTrains(); err != nil {
			l.poller.Close()
			return nil, err
		}
	}
	return l, nil
}

// open connects all slots, at the rate of the plan. It limits the number of connects in
// progress, because the backlog of the listener is limited.
func (l *loop) open(ctx context.Context) error {
	if l.Churn {
		return nil // its connections are part of the load
	}
	l.tally.mu.Lock()
	defer l.tally.mu.Unlock()
	begun := l.now()
	for l.opened < len(l.slots) || l.connecting > 0 {
		for l.opened < len(l.slots) && l.connecting < l.most && l.now() >= l.connectAt(begun, l.slots[l.opened].id) {
			l.opened++
			l.advance(&l.slots[l.opened-1], l.now())
		}
		if ctx.Err() != nil {
			return nil
		}
		if err := l.turn(time.Millisecond); err != nil {
			return err
		}
		l.sweep(l.now())
	}
	return nil
}

func (l *loop) drive(ctx context.Context) error {
	runtime.LockOSThread() // and not unlocked: Go ends the thread, which has another timer slack
	unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
	l.tally.mu.Lock()
	defer l.tally.mu.Unlock()
	l.opened = len(l.slots)
	for i := range l.slots {
		now := l.now()
		l.slots[i].start(now)
		l.advance(&l.slots[i], now)
	}
	for done := ctx.Done(); ; {
		select {
		case <-done:
			for i := range l.slots {
				l.slots[i].stop(l.now(), dial.Timeout)
			}
			return nil
		default:
		}
		if err := l.turn(l.waitTime()); err != nil {
			return err
		}
		for range scheduleBatch {
			now := l.now()
			i, due, ok := l.nextScheduled(now)
			if !ok {
				break
			}
			s := &l.slots[l.share.index(i)]
			s.scheduled(due, now)
			l.advance(s, now)
		}
		if now := l.now(); now-l.swept > sweepEvery {
			l.sweep(now)
		}
	}
}

// waitTime returns how long the loop may wait. The kernel wakes a thread some microseconds
// late. So a wait ends Spin before the next message is due, and until then the loop does not
// sleep.
func (l *loop) waitTime() time.Duration {
	wait := time.Duration(sweepEvery)
	if !l.Rate.IsZero() {
		wait = min(wait, time.Duration(l.schedule.due()-l.now())-l.Spin)
	}
	return max(0, wait)
}

// wait waits until sockets are ready, and does not hold the tally meanwhile. While several are
// ready each time, it first asks for those that are ready already: a call that cannot sleep need
// not notify Go's scheduler.
func (l *loop) wait(most time.Duration) ([]poll.Event, sys.Errno) {
	l.tally.mu.Unlock()
	defer l.tally.mu.Lock()
	if l.busy {
		if events, errno := l.poller.Wait(0); errno != 0 || len(events) > 0 {
			return events, errno
		}
	}
	events, errno := l.poller.WaitPrecisely(most)
	l.busy = len(events) > 1 && l.Rate.IsZero() // a schedule has no time for one more call
	return events, errno
}

// turn waits for at most that long and serves the sockets that are ready. No event is stale,
// because serving an event closes only the socket of that event. An error is that of the wait:
// without it, no answer would be noticed.
func (l *loop) turn(wait time.Duration) error {
	events, errno := l.wait(wait)
	if errno != 0 {
		return os.NewSyscallError("epoll_pwait", errno)
	}
	now := l.now()
	for group := range slices.Chunk(events, turnBatch) {
		for _, event := range group {
			l.receive(&l.slots[event.Tag], event.Ready)
		}
		for _, event := range group {
			l.advance(&l.slots[event.Tag], now)
		}
	}
	return nil
}

// receive does what an event asks for, except to send.
func (l *loop) receive(s *loopSlot, ready poll.Conditions) {
	switch {
	case s.state == connecting:
		l.finishConnect(s)
	case ready == poll.Writable: // advance sends
	case l.batch != nil:
		l.receiveDatagrams(s)
	case s.state == open:
		l.receiveBytes(s)
	}
}

// sweep checks some of the slots: for timeouts, and for connections to make again.
func (l *loop) sweep(now int64) {
	l.swept = now
	for range min(l.opened, sweepBatch) {
		s := &l.slots[l.nextSwept]
		l.nextSwept = (l.nextSwept + 1) % l.opened
		switch {
		case s.state == connecting && now-s.begun > int64(l.Timeout):
			l.endConnect(s, unix.ETIMEDOUT)
		case s.state == connecting && s.fd < 0:
			l.connect(s)
		default:
			s.expire(now)
		}
		l.advance(s, now)
	}
}

// advance does what the slot asks for until it has to wait.
func (l *loop) advance(s *loopSlot, now int64) {
	for {
		interest := poll.Readable
		switch s.next(now) {
		case connect:
			// With churn, connects are part of the load. Retries are not.
			if l.connecting >= l.most && (!l.Churn || s.backoff != backoff{}) {
				return // until a sweep
			}
			s.connecting(l.now())
			l.connecting++
			l.connect(s)
			continue
		case disconnect:
			l.closeSocket(s)
			s.disconnected()
			continue
		case send:
			piece := s.stream.next()
			n, errno := l.k.Send(s.fd, piece, unix.MSG_NOSIGNAL)
			s.stream.wrote(n)
			if errno != 0 && errno != unix.EAGAIN && errno != unix.EINTR {
				s.lost(l.now(), dial.Classify(errno))
			}
			if errno != unix.EAGAIN && (errno != 0 || n == len(piece)) {
				continue
			}
			interest |= poll.Writable
		case halfClose:
			s.halfClosed = true
			l.k.Shutdown(s.fd, unix.SHUT_WR) // if it fails, the next receive says why
			continue
		case sendDatagram:
			if l.sendDatagrams(s) {
				continue
			}
			interest |= poll.Writable
		case wait:
			if s.state == connecting {
				interest = poll.Writable
			}
		}
		if s.fd < 0 || l.watch(s, interest) {
			return
		}
	}
}

// watch tells the poller what to wait for. If that fails, the loop would not notice an answer:
// watch ends the connection and returns false.
func (l *loop) watch(s *loopSlot, interest poll.Conditions) bool {
	if s.interest == interest {
		return true
	}
	var errno sys.Errno
	if s.interest == 0 {
		errno = l.poller.Add(s.fd, uint32(l.share.index(s.id)), interest)
	} else {
		errno = l.poller.Modify(s.fd, uint32(l.share.index(s.id)), interest)
	}
	switch {
	case errno == 0:
		s.interest = interest
		return true
	case s.state == connecting:
		l.endConnect(s, errno)
	default:
		s.lost(l.now(), dial.Classify(errno))
	}
	return false
}

// receiveBytes reads from a stream once.
func (l *loop) receiveBytes(s *loopSlot) {
	n, errno := l.k.Recv(s.fd, l.in, 0)
	switch now := l.now(); {
	case errno == unix.EAGAIN || errno == unix.EINTR:
	case errno != 0:
		s.lost(now, dial.Classify(errno))
	case n == 0:
		s.ended(now)
	default:
		s.received(now, l.in[:n])
	}
}

func (l *loop) close() {
	for i := range l.slots {
		l.closeSocket(&l.slots[i])
	}
	l.poller.Close()
}
