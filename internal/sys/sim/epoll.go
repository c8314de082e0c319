//go:build linux

package sim

import (
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"echod/internal/sys"
)

// epoll is an instance of epoll(7), level-triggered only.
type epoll struct {
	k       *Kernel
	watches []*watch // in the order in which they are checked
}

// watch belongs to the open file, not to the number of its descriptor: it ends when the file
// is closed, and another file may get the number.
type watch struct {
	d     *descriptor
	event unix.EpollEvent
}

func (k *Kernel) EpollCreate1(flags int) (int, sys.Errno) {
	if d := k.decide(EpollCreate1); d.errno != 0 {
		return -1, d.errno
	}
	return k.open(&epoll{k: k}, true)
}

func (k *Kernel) EpollCtl(epfd, op, fd int, event *unix.EpollEvent) sys.Errno {
	call := map[int]Call{unix.EPOLL_CTL_ADD: EpollAdd, unix.EPOLL_CTL_MOD: EpollMod, unix.EPOLL_CTL_DEL: EpollDel}[op]
	_, e := find[*epoll](k, call, epfd)
	d := k.lookup(call, fd)
	if e == nil || d == nil {
		return unix.EBADF
	}
	if decision := k.decide(call); decision.errno != 0 {
		return decision.errno
	}
	at := slices.IndexFunc(e.watches, func(w *watch) bool { return w.d == d })
	switch {
	case op == unix.EPOLL_CTL_ADD && at >= 0:
		k.violate("epoll_ctl add of fd %d, which is watched already", fd)
		return unix.EEXIST
	case op != unix.EPOLL_CTL_ADD && at < 0:
		k.violate("%s of fd %d, which is not watched", call, fd)
		return unix.ENOENT
	case op == unix.EPOLL_CTL_DEL:
		e.watches = slices.Delete(e.watches, at, at+1)
		return 0
	case event.Events&(unix.EPOLLET|unix.EPOLLONESHOT|unix.EPOLLEXCLUSIVE) != 0:
		panic("sim: epoll is level-triggered only")
	case op == unix.EPOLL_CTL_MOD:
		e.watches[at].event = *event
		return 0
	}
	if k.watchesUsedUp() {
		return unix.ENOSPC
	}
	e.watches = append(e.watches, &watch{d: d, event: *event})
	return 0
}

// EpollWait is epoll_wait(2). What is reported moves to the end of the list: if more are ready
// than fit in events, each has its turn, as in ep_send_events of fs/eventpoll.c.
func (k *Kernel) EpollWait(epfd int, events []unix.EpollEvent, timeout int) (int, sys.Errno) {
	return k.EpollPwait2(epfd, events, milliseconds(timeout))
}

// EpollPwait2 is epoll_pwait2(2).
func (k *Kernel) EpollPwait2(epfd int, events []unix.EpollEvent, timeout time.Duration) (int, sys.Errno) {
	_, e := find[*epoll](k, EpollWait, epfd)
	if e == nil {
		return 0, unix.EBADF
	}
	return k.wait(EpollWait, timeout, func(limit func(int) int) int {
		var ready, rest []*watch
		for _, w := range e.watches {
			if w.ready() != 0 {
				ready = append(ready, w)
			} else {
				rest = append(rest, w)
			}
		}
		reported := ready[:limit(min(len(ready), len(events)))]
		for i, w := range reported {
			events[i] = w.event
			events[i].Events = w.ready()
			k.report(w.d)
		}
		e.watches = slices.Concat(rest, ready[len(reported):], reported)
		return len(reported)
	})
}

func (w *watch) ready() uint32 {
	return uint32(w.d.ready()) & (w.event.Events | unix.EPOLLERR | unix.EPOLLHUP)
}

// removeWatches removes the watches of a file that is closed. They end by themselves only if
// no other process shares the file. So it is a violation to rely on that, except for a
// connection, which no other process shares.
func (k *Kernel) removeWatches(d *descriptor) {
	for _, other := range k.files {
		if other == nil {
			continue
		}
		if e, ok := other.file.(*epoll); ok {
			before := len(e.watches)
			e.watches = slices.DeleteFunc(e.watches, func(w *watch) bool { return w.d == d })
			if !isOwn(d.file) && len(e.watches) < before {
				k.violate("fd %d was closed while epoll watched it", d.fd)
			}
		}
	}
}

// isOwn reports whether f is a connection, which was not inherited.
func isOwn(f file) bool {
	if s, ok := f.(*datagrams); ok {
		return s.peer.IsValid()
	}
	_, ok := f.(*stream)
	return ok
}

func (e *epoll) ready() int16 {
	for _, w := range e.watches {
		if w.ready() != 0 {
			return unix.POLLIN
		}
	}
	return 0
}

func (e *epoll) close() {}
