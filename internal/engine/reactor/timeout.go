//go:build linux

package reactor

import (
	"time"

	"echod/internal/engine"
)

// The lists of a loop's connections. Every open connection is on exactly one of them,
// and all connections on one list get the same time.
const (
	idleList       = 0 // no owed bytes: reset after the idle timeout, if there is one
	owedList       = 1 // owed bytes: offered to the kernel again after offerEvery
	firstRetryList = 2 // not watched: served again after a delay; one list for each delay

	numLists = firstRetryList + 8
)

const (
	// The delays of the retry lists double from shortestDelay and are cut off at
	// longestDelay: owed bytes move within a second of the moment when they can.
	shortestDelay = 10 * time.Millisecond
	longestDelay  = time.Second
)

// offersPerStall is how many times in a stall timeout owed bytes are sent though the
// kernel does not report the socket writable. The kernel reports it only when a good
// part of the send buffer is free, which can be megabytes. A peer that reads slowly
// would seem to be stalled until then. But a send succeeds as soon as the peer has
// acknowledged anything.
const offersPerStall = 8

// offerInterval returns the time between two such sends; 0 without a stall timeout.
func offerInterval(stall time.Duration) int64 {
	if stall <= 0 {
		return 0
	}
	return int64(max(stall/offersPerStall, time.Millisecond))
}

// timeOf returns the time that connections on list get; 0 is no limit.
func (l *loop) timeOf(list uint8) int64 {
	switch list {
	case idleList:
		return l.idleTimeout
	case owedList:
		return l.offerEvery
	}
	return int64(min(shortestDelay<<(list-firstRetryList), longestDelay))
}

// schedule puts c, which is on no list, at the end of list. It is due after the time of
// that list.
func (l *loop) schedule(c *conn, list uint8) {
	c.list, c.deadline = list, 0
	if timeout := l.timeOf(list); timeout > 0 {
		c.deadline = l.now() + timeout
	}
	l.lists[list].append(c)
}

// reschedule moves c from its list to the end of list.
func (l *loop) reschedule(c *conn, list uint8) {
	l.lists[c.list].remove(c)
	l.schedule(c, list)
}

// backOff stops watching c and serves it again after a delay, which doubles each time.
// The kernel reported the socket ready, and then no byte moved. This happens e.g. when
// the memory that TCP may use is exhausted (tcp(7), tcp_mem): a send fails with EAGAIN
// although the socket counts as writable. Without a delay it would be a busy loop.
func (l *loop) backOff(c *conn) {
	list := uint8(firstRetryList)
	if c.list >= firstRetryList {
		list = min(c.list+1, numLists-1)
	}
	l.unwatch(c)
	l.reschedule(c, list)
}

func (l *loop) unwatch(c *conn) {
	if c.want != 0 {
		l.poller.Remove(int(c.fd))
		c.want = 0
	}
}

// checkDeadlines serves every connection whose deadline has passed, and ends it if it
// makes no progress even then. It is served first because the process may have been
// stopped for longer than the timeout: what has arrived in that time counts.
func (l *loop) checkDeadlines() {
	for list := range uint8(numLists) {
		for c := l.overdue(list); c != nil; c = l.overdue(list) {
			l.reschedule(c, list)
			switch {
			case l.serve(c) || !c.open():
			case list == idleList:
				l.end(c, engine.Idle)
			case l.stalled(c):
				l.end(c, engine.Stalled)
			case list >= firstRetryList:
				l.backOff(c)
			}
		}
	}
	l.sendReceived()
}

// overdue returns the first connection on list if its deadline has passed, else nil.
func (l *loop) overdue(list uint8) *conn {
	c := l.lists[list].first()
	if c == nil || c.deadline == 0 || c.deadline > l.now() {
		return nil
	}
	return c
}

// waiting returns how long c's peer has taken none of its owed bytes; 0 if it is owed
// nothing.
func (l *loop) waiting(c *conn) time.Duration {
	if c.phase == reading {
		return 0
	}
	return time.Duration(l.milliseconds()-c.movedAt) * time.Millisecond
}

// stalled reports whether c's peer has taken nothing for the stall timeout.
func (l *loop) stalled(c *conn) bool {
	return c.phase != reading && l.stallTimeout > 0 && int64(l.waiting(c)) >= l.stallTimeout
}

// now returns the time of this iteration. The clock is read when it is first needed.
func (l *loop) now() int64 {
	if l.clock == 0 {
		l.clock = l.k.Now()
	}
	return l.clock
}

// milliseconds returns the time for conn.movedAt. It wraps around after 49 days, so only
// differences have a meaning.
func (l *loop) milliseconds() uint32 { return uint32(l.now() / int64(time.Millisecond)) }

// pollTimeout returns how many milliseconds the next wait may take, -1 without a limit.
//
// With busy polling it is 0 for some time after the last event. A processor that sleeps
// takes longer to wake than a message takes to echo, so a loop that does not sleep
// answers sooner, and uses a processor for it.
func (l *loop) pollTimeout() int {
	if l.busyPoll > 0 && l.k.Now()-l.lastEvent < l.busyPoll {
		return 0
	}
	due := int64(0)
	soonest := func(t int64) {
		if t != 0 && (due == 0 || t < due) {
			due = t
		}
	}
	for i := range l.lists {
		if c := l.lists[i].first(); c != nil {
			soonest(c.deadline)
		}
	}
	for _, ln := range l.listeners {
		if !ln.closed {
			soonest(ln.policy.Until())
		}
	}
	for _, d := range l.datagrams {
		soonest(d.resumeAt)
	}
	if due == 0 {
		return -1
	}
	const millisecond = 1e6
	return int(max(due-l.now()+millisecond-1, 0) / millisecond)
}
