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

	"echod/internal/engine"
	"echod/internal/poll"
	"echod/internal/sys"
)

// loop serves its share of the connections from one thread. All of it belongs
// to that thread, but for mail, count, turns and load.
type loop struct {
	srv    *server
	k      sys.Kernel
	poller poll.Poller
	log    *slog.Logger
	budget *engine.Budget

	scratch []byte // where every receive lands
	store   store
	table   *table
	lists   [numLists]deadlines
	dead    []int32 // descriptors to close after the batch
	clock   int64   // the time of this turn; 0 until somebody asks
	served  int64   // the last turn in which there was something to do, if that matters
	broken  int     // waits that failed in a row

	undelivered map[int32]int // by descriptor: bytes of a finishing stream that its peer has not taken

	idleTimeout  int64 // nanoseconds; 0 or less: never
	stallTimeout int64
	tryEvery     int64 // how often a peer is offered what it is owed, unasked
	busyPoll     int64

	others    map[int32]handler // descriptors that are no stream
	listeners []*listener       // loop 0 has all of them
	packets   []*packets        // the datagram sockets that are this loop's
	peer      unix.RawSockaddrAny
	noLinger  unix.Linger

	mail  mail
	moved moved // in this turn
	count engine.Counters
	turns atomic.Uint64
	freed atomic.Bool  // a place for a connection has become free
	load  atomic.Int64 // connections, those still in the mail included
}

// handler serves a descriptor that is no stream: a listener, the mail, a
// datagram socket. They are told from streams by generation 0.
type handler interface {
	ready(l *loop)
}

// newLoop makes a loop that serves nothing yet.
func newLoop(s *server, cfg engine.Config, newPoller pollerMaker) (*loop, error) {
	l := &loop{
		srv: s, k: s.k, log: cfg.Log, budget: cfg.Budget,
		scratch:      make([]byte, cfg.Buffer),
		store:        newStore(cfg.Budget.Pool(), cfg.Buffer),
		table:        s.table,
		undelivered:  make(map[int32]int),
		idleTimeout:  int64(cfg.IdleTimeout),
		stallTimeout: int64(cfg.StallTimeout),
		tryEvery:     tryEvery(cfg.StallTimeout),
		busyPoll:     int64(cfg.BusyPoll),
		others:       make(map[int32]handler),
	}
	for i := range l.lists {
		l.lists[i] = newDeadlines(s.table)
	}
	p, errno := newPoller(s.k)
	if errno != 0 {
		return nil, fmt.Errorf("%s: %w", s.name, os.NewSyscallError("poller", errno))
	}
	l.poller = p
	if err := l.mail.open(l); err != nil {
		p.Close()
		return nil, err
	}
	return l, nil
}

// watch adds a descriptor that is no stream.
func (l *loop) watch(fd int, h handler) error {
	if errno := l.poller.Add(fd, 0, poll.Readable); errno != 0 {
		return fmt.Errorf("%s: watch descriptor %d: %w", l.srv.name, fd, errno)
	}
	l.others[int32(fd)] = h
	return nil
}

// run turns until there is nothing left to do.
func (l *loop) run() error {
	if _, real := l.k.(*sys.Linux); real { // whose waits block the thread
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
	}
	defer l.mail.hush()
	for !l.done() {
		if err := l.turn(l.patience()); err != nil {
			return err
		}
	}
	return nil
}

// patience waits without sleeping for as long as busy polling was asked for,
// and returns how long the next wait may sleep.
//
// A sleeping processor takes longer to wake than a message takes to echo, so a
// loop that keeps looking answers sooner, and burns a processor for it.
func (l *loop) patience() int {
	if l.busyPoll > 0 && l.k.Now()-l.served < l.busyPoll {
		return 0
	}
	return l.timeout()
}

// turn waits, for at most timeout milliseconds, serves whoever is ready and
// buries whoever has ended.
func (l *loop) turn(timeout int) error {
	events, errno := l.poller.Wait(timeout)
	l.clock = 0
	l.turns.Add(1)
	if err := l.waitFailed(errno); err != nil {
		return err
	}
	for _, ev := range events {
		l.dispatch(ev)
	}
	if len(events) > 0 && l.busyPoll > 0 {
		l.served = l.now()
	}
	l.checkShutdown()
	l.expire()
	freed := l.freed.Swap(false)
	for _, ln := range l.listeners {
		ln.resume(l, freed)
	}
	for _, p := range l.packets {
		p.wake(l)
	}
	l.publish()
	l.bury()
	return nil
}

const (
	// waitPause is how long a loop pauses after a wait that failed. A shortage of memory
	// may last as long as it likes.
	waitPause = 100 * time.Millisecond
	// maxBroken is how many waits may fail for another reason before the engine gives up.
	maxBroken = 100
)

// waitFailed handles the error of a wait. It returns an error when the poller does
// not work any more.
func (l *loop) waitFailed(errno sys.Errno) error {
	if errno == 0 {
		l.broken = 0
		return nil
	}
	if errno != unix.ENOMEM {
		l.broken++
	}
	if l.broken == maxBroken {
		return fmt.Errorf("%s: %w", l.srv.name, os.NewSyscallError("wait", errno))
	}
	l.k.Sleep(waitPause)
	return nil
}

// moved is bytes that streams moved, not yet counted for all to see.
type moved struct{ in, out uint64 }

// publish counts the bytes of the turn: once for all its messages, because a
// counter that others may read costs more than the rest of the bookkeeping. And
// before anybody is buried: a stream that is gone is in the books.
func (l *loop) publish() {
	if l.moved != (moved{}) {
		l.count.BytesIn.Add(l.moved.in)
		l.count.BytesOut.Add(l.moved.out)
		l.moved = moved{}
	}
}

func (l *loop) dispatch(ev poll.Event) {
	if ev.Tag == 0 {
		if h := l.others[ev.FD]; h != nil {
			h.ready(l)
		}
		return
	}
	if c := l.table.at(ev.FD); c.gen == ev.Tag && !l.serve(c) {
		l.backOff(c)
	}
}

// adopt starts to serve a connection.
func (l *loop) adopt(n newcomer) {
	c := l.table.at(n.fd)
	c.start(int(n.fd), n.unix)
	if errno := l.poller.Add(int(n.fd), c.gen, poll.Readable); errno != 0 {
		c.stop()
		l.refuse(int(n.fd), engine.RefusedPoller)
		l.count.Active.Add(-1)
		l.load.Add(-1)
		return
	}
	l.enroll(c, quiet)
}

// refuse resets a connection that was never served: lingering came with it from
// the listener.
func (l *loop) refuse(fd int, why engine.Refusal) {
	l.count.Refused[why].Add(1)
	l.release(fd)
}

// bury closes the descriptors of those who ended in this turn.
func (l *loop) bury() {
	for _, fd := range l.dead {
		l.count.Active.Add(-1)
		l.load.Add(-1)
		l.release(int(fd))
	}
	l.dead = l.dead[:0]
}

// release gives back everything that accepting fd took.
func (l *loop) release(fd int) {
	if l.srv.peers != nil {
		l.srv.peers.leave(fd)
	}
	l.poller.CloseFD(fd)
	l.budget.Slots.Release()
}

// close gives back what the loop itself holds. Every connection has ended.
func (l *loop) close() {
	l.mail.close(l)
	l.poller.Close()
	l.store.close()
}
