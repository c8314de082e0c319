//go:build linux

package poll

import (
	"time"

	"golang.org/x/sys/unix"

	"echod/internal/sys"
)

// epollPoller waits with epoll(7). The kernel keeps the list of watched descriptors,
// and a call of epoll_ctl(2) changes one entry of it. When a socket becomes ready,
// the kernel puts it on a second list, and epoll_wait(2) returns what is on that
// list. So the cost of a wait depends on how many descriptors are ready, not on how
// many are watched.
type epollPoller struct {
	k      sys.Kernel
	epfd   int
	change unix.EpollEvent   // for epoll_ctl; a field, so that no call allocates one
	ready  []unix.EpollEvent // filled by epoll_wait
	events []Event

	imprecise bool // there is no epoll_pwait2
}

// epollBatch is how many events one epoll_wait returns at most.
const epollBatch = 512

// NewEpoll returns a Poller that waits with epoll(7). It is a Precise.
func NewEpoll(k sys.Kernel) (Poller, sys.Errno) {
	epfd, errno := k.EpollCreate1(unix.EPOLL_CLOEXEC)
	if errno != 0 {
		return nil, errno
	}
	return &epollPoller{k: k, epfd: epfd, ready: make([]unix.EpollEvent, epollBatch), events: make([]Event, 0, epollBatch)}, 0
}

func (p *epollPoller) Add(fd int, tag uint32, interest Conditions) sys.Errno {
	return p.control(unix.EPOLL_CTL_ADD, fd, tag, interest)
}

func (p *epollPoller) Modify(fd int, tag uint32, interest Conditions) sys.Errno {
	return p.control(unix.EPOLL_CTL_MOD, fd, tag, interest)
}

// The list holds the open file behind fd, not its number. If another process
// shares that file, e.g. an inherited listener, closing fd does not end the watch:
// the kernel would go on to report it, under a number that may mean another
// descriptor by then. Hence the call.
func (p *epollPoller) Remove(fd int) { p.control(unix.EPOLL_CTL_DEL, fd, 0, 0) }

// The kernel takes a file off the list when its last descriptor is closed. Without a call
// for that, a short connection costs seven system calls instead of eight.
func (p *epollPoller) CloseFD(fd int) { p.k.Close(fd) }

func (p *epollPoller) Wait(timeout int) ([]Event, sys.Errno) {
	return p.reported(p.k.EpollWait(p.epfd, p.ready, timeout))
}

// WaitPrecisely calls epoll_pwait2(2). Without this call, the timeout is cut to whole
// milliseconds: Linux before 5.11 has none, and older seccomp filters of containers refuse it with
// EPERM.
func (p *epollPoller) WaitPrecisely(timeout time.Duration) ([]Event, sys.Errno) {
	if timeout > 0 && !p.imprecise {
		n, errno := p.k.EpollPwait2(p.epfd, p.ready, timeout)
		if errno != unix.ENOSYS && errno != unix.EPERM {
			return p.reported(n, errno)
		}
		p.imprecise = true
	}
	return p.Wait(int(timeout.Milliseconds()))
}

// reported returns the events of the first n entries of ready.
func (p *epollPoller) reported(n int, errno sys.Errno) ([]Event, sys.Errno) {
	if errno == unix.EINTR {
		return nil, 0
	}
	if errno != 0 {
		return nil, errno
	}
	p.events = p.events[:0]
	for i := range p.ready[:n] {
		ev := &p.ready[i]
		p.events = append(p.events, Event{FD: ev.Fd, Tag: uint32(ev.Pad), Ready: Conditions(ev.Events)})
	}
	return p.events, 0
}

func (p *epollPoller) Use(k sys.Kernel) { p.k = k }

func (p *epollPoller) Close() { p.k.Close(p.epfd) }

// control calls epoll_ctl(2). The kernel keeps 64 bits of ours with each entry and
// returns them in its events: the descriptor and the tag.
func (p *epollPoller) control(op, fd int, tag uint32, interest Conditions) sys.Errno {
	p.change = unix.EpollEvent{Events: uint32(interest), Fd: int32(fd), Pad: int32(tag)}
	return p.k.EpollCtl(p.epfd, op, fd, &p.change)
}
