//go:build linux

package reactor

import (
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"echod/internal/drain"
	"echod/internal/engine"
	"echod/internal/memory"
	"echod/internal/poll"
	"echod/internal/sys"
	"echod/internal/trace"
)

// loop serves its share of the connections from one thread. All fields belong to that
// thread, except inbox, count, iterations, slotFree and conns.
type loop struct {
	srv    *server
	k      sys.Kernel
	poller poll.Poller
	log    *slog.Logger
	budget *engine.Budget

	buffer       []byte     // of every receive
	received     []received // what is in the buffer, to be sent back
	filled       int        // its length
	groupSize    int        // how many receives may come before their sends
	laterReceive int        // the size of each after the first
	cache        *memory.Cache
	reserved     bool // cache has memory for the receives of this iteration
	table        *table
	lists        [numLists]connList
	ended        []int32 // descriptors to close at the end of the iteration

	clock       int64 // the time of this iteration; 0 until it is needed
	lastEvent   int64 // the time of the last iteration with an event, for busy polling
	failedWaits int   // consecutive waits that failed

	undelivered map[int32]int // bytes of finishing streams that are not acknowledged, by descriptor

	idleTimeout  int64 // nanoseconds; 0 or less: never
	stallTimeout int64
	offerEvery   int64 // how often owed bytes are sent though the socket is not writable
	busyPoll     int64

	handlers  map[int32]handler // of the descriptors that are not streams
	listeners []*listener       // only loop 0 has any
	followed  *trace.Kernel     // k while a connection is traced that somebody looks at; else nil
	datagrams []*datagramSocket
	sockaddr  unix.RawSockaddrAny // filled by accept4 and getpeername
	noLinger  unix.Linger

	inbox      inbox
	moved      struct{ in, out uint64 } // bytes of this iteration, not yet in count
	count      engine.Counters
	iterations atomic.Uint64
	slotFree   atomic.Bool  // a slot for a connection was released
	conns      atomic.Int64 // connections, including those in the inbox
}

// handler serves a descriptor that is not a stream: a listener, the inbox or a datagram
// socket. The poller watches it with the tag 0. Streams have their generation as tag,
// which is odd.
type handler interface {
	handleReadable(l *loop)
}

// newLoop returns a loop that serves nothing yet.
func newLoop(s *server, cfg engine.Config, newPoller pollerMaker) (*loop, error) {
	l := &loop{
		srv: s, k: s.k, log: cfg.Log, budget: cfg.Budget,
		buffer:       make([]byte, cfg.Buffer),
		cache:        cfg.Budget.Pool().NewCache(cfg.Buffer),
		table:        s.table,
		undelivered:  make(map[int32]int),
		idleTimeout:  int64(cfg.IdleTimeout),
		stallTimeout: int64(cfg.StallTimeout),
		offerEvery:   offerInterval(cfg.StallTimeout),
		busyPoll:     int64(cfg.BusyPoll),
		handlers:     make(map[int32]handler),
	}
	for i := range l.lists {
		l.lists[i] = newConnList(s.table)
	}
	l.sizeReceives()
	p, errno := newPoller(s.k)
	if errno != 0 {
		return nil, fmt.Errorf("%s: %w", s.name, os.NewSyscallError("poller", errno))
	}
	l.poller = p
	if err := l.inbox.open(l); err != nil {
		p.Close()
		return nil, err
	}
	return l, nil
}

// watch has h called when fd, which is not a stream, is readable.
func (l *loop) watch(fd int, h handler) error {
	if errno := l.poller.Add(fd, 0, poll.Readable); errno != 0 {
		return fmt.Errorf("%s: watch descriptor %d: %w", l.srv.name, fd, errno)
	}
	l.handlers[int32(fd)] = h
	return nil
}

// run iterates until the server is shut down and the last connection has ended.
func (l *loop) run() error {
	if sys.IsReal(l.k) {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
	}
	defer l.inbox.stop()
	for !l.finished() {
		if err := l.iterate(l.pollTimeout()); err != nil {
			return err
		}
	}
	return nil
}

// iterate waits for events, for at most timeout milliseconds, and serves the descriptors
// that are ready. Then it checks whether the server shuts down, which deadlines have passed
// and which pauses are over, and closes the connections that have ended.
func (l *loop) iterate(timeout int) error {
	events, errno := l.poller.Wait(timeout)
	l.clock = 0
	l.iterations.Add(1)
	if err := l.handleWaitError(errno); err != nil {
		return err
	}
	for _, ev := range events {
		if ev.Tag == 0 {
			if h := l.handlers[ev.FD]; h != nil {
				l.sendReceived() // h may look at any stream
				h.handleReadable(l)
			}
			continue
		}
		c := l.table.at(ev.FD)
		if c.gen != ev.Tag {
			continue // a stale event: its connection has ended in this iteration
		}
		// The conditions of the event do not matter: the call that the stream needs
		// next returns what happened.
		if !l.serve(c) {
			l.backOff(c)
		}
	}
	l.sendReceived()
	if len(events) > 0 && l.busyPoll > 0 {
		l.lastEvent = l.now()
	}
	l.checkShutdown()
	l.checkDeadlines()
	l.cache.Unreserve() // what the receives have not used
	l.reserved = false
	slotFree := l.slotFree.Swap(false)
	for _, ln := range l.listeners {
		ln.resume(l, slotFree)
	}
	for _, d := range l.datagrams {
		d.resume(l)
	}
	l.publishMoved()
	l.reap()
	return nil
}

const (
	// waitPause is the pause after a wait that failed. A shortage of memory may last
	// for any time.
	waitPause = 100 * time.Millisecond
	// maxFailedWaits is how many consecutive waits may fail for another reason before
	// the engine stops.
	maxFailedWaits = 100
)

// handleWaitError pauses after a wait that failed. It returns an error if the poller
// does not work any more.
func (l *loop) handleWaitError(errno sys.Errno) error {
	if errno == 0 {
		l.failedWaits = 0
		return nil
	}
	if errno != unix.ENOMEM {
		l.failedWaits++
	}
	if l.failedWaits == maxFailedWaits {
		return fmt.Errorf("%s: %w", l.srv.name, os.NewSyscallError("wait", errno))
	}
	l.k.Sleep(waitPause)
	return nil
}

// publishMoved adds the bytes of this iteration to the counters: once for all messages,
// because an atomic counter costs more than the rest of the accounting. It runs before
// reap, so that the bytes of an ended stream are counted before it ceases to be active.
func (l *loop) publishMoved() {
	if l.moved.in != 0 || l.moved.out != 0 {
		l.count.BytesIn.Add(l.moved.in)
		l.count.BytesOut.Add(l.moved.out)
		l.moved.in, l.moved.out = 0, 0
	}
}

// addConn starts to serve a connection.
func (l *loop) addConn(h handoff) {
	c := l.table.at(h.fd)
	c.start(int(h.fd), h.unix)
	c.opened = l.hundredths()
	if errno := l.poller.Add(int(h.fd), c.gen, poll.Readable); errno != 0 {
		c.stop()
		l.refuse(int(h.fd), engine.RefusedPoller)
		l.count.Active.Add(-1)
		l.conns.Add(-1)
		return
	}
	l.schedule(c, idleList)
}

// refuse resets a connection that was never served: it has its linger option from the
// listener.
func (l *loop) refuse(fd int, why engine.Refusal) {
	l.count.Refused[why].Add(1)
	l.release(fd)
}

// reap closes the descriptors of the connections that ended in this iteration.
func (l *loop) reap() {
	for _, fd := range l.ended {
		l.count.Active.Add(-1)
		l.conns.Add(-1)
		l.release(int(fd))
	}
	l.ended = l.ended[:0]
}

// release closes fd and gives back what accepting it acquired.
func (l *loop) release(fd int) {
	if l.srv.addresses != nil {
		l.srv.addresses.remove(fd)
	}
	l.poller.CloseFD(fd)
	l.budget.Slots.Release()
}

// checkShutdown does what the shutdown of the server requires.
func (l *loop) checkShutdown() {
	switch l.srv.shutdown.Phase() {
	case drain.Draining:
		for _, ln := range l.listeners {
			ln.drain(l)
		}
		l.closeDatagrams()
		l.leaveUndelivered()
	case drain.Aborting:
		l.abort()
	}
}

// abort resets every stream of the loop and every queued connection, and closes what
// the loop listens on.
func (l *loop) abort() {
	for _, ln := range l.listeners {
		if !ln.closed {
			ln.resetQueue(l)
			ln.close(l)
		}
	}
	l.closeDatagrams()
	l.inbox.addAll(l)
	l.leaveUndelivered()
	for i := range l.lists {
		for c := l.lists[i].first(); c != nil; c = l.lists[i].first() {
			l.end(c, engine.Drained)
		}
	}
	l.reap()
}

// leaveUndelivered ends the finishing streams when the service ends. The kernel delivers
// what is left, for as long as it keeps an orphan.
func (l *loop) leaveUndelivered() {
	for fd := range l.undelivered {
		l.end(l.table.at(fd), engine.Finished)
	}
}

// finished reports whether the loop may end: it has no connection and can get none.
func (l *loop) finished() bool {
	listeners := l.srv.listening.Load() // first: see drain.Done
	return l.srv.shutdown.Done(int(listeners), int(l.conns.Load()))
}

// close frees what the loop itself holds. Every connection has ended.
func (l *loop) close() {
	l.inbox.close(l)
	l.poller.Close()
	l.cache.Close()
}
