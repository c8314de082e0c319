//go:build linux

package reactor

import (
	"golang.org/x/sys/unix"

	"echod/internal/sys"
)

// epollPoller asks with epoll(7): the list of descriptors stays in the kernel,
// is changed one entry at a time, and a wait returns the ready ones alone. What
// a wait costs depends on how many are ready, not on how many there are.
type epollPoller struct {
	k      sys.Kernel
	fd     int
	change unix.EpollEvent // for epoll_ctl; here, so that nothing is allocated
	ready  []unix.EpollEvent
	events []event
}

func newEpoll(k sys.Kernel) (poller, sys.Errno) {
	fd, errno := k.EpollCreate1(unix.EPOLL_CLOEXEC)
	if errno != 0 {
		return nil, errno
	}
	return &epollPoller{k: k, fd: fd, ready: make([]unix.EpollEvent, batch), events: make([]event, 0, batch)}, 0
}

func (p *epollPoller) add(fd int, gen uint32, want interest) sys.Errno {
	return p.control(unix.EPOLL_CTL_ADD, fd, gen, want)
}

func (p *epollPoller) mod(fd int, gen uint32, want interest) sys.Errno {
	return p.control(unix.EPOLL_CTL_MOD, fd, gen, want)
}

// del is explicit, although closing the last descriptor of a socket would do:
// a socket that another process shares, as an inherited listener is, stays open
// and would be reported for ever under a number that means something else by
// then.
func (p *epollPoller) del(fd int) {
	p.control(unix.EPOLL_CTL_DEL, fd, 0, nothing)
}

// drop leaves it to close(2): a call in eight of those that a short connection
// costs.
func (p *epollPoller) drop(int) {}

func (p *epollPoller) wait(timeout int) ([]event, sys.Errno) {
	n, errno := p.k.EpollWait(p.fd, p.ready, timeout)
	if errno == unix.EINTR {
		return nil, 0
	}
	if errno != 0 {
		return nil, errno
	}
	p.events = p.events[:0]
	for i := range p.ready[:n] {
		p.events = append(p.events, event{fd: p.ready[i].Fd, gen: uint32(p.ready[i].Pad)})
	}
	return p.events, 0
}

func (p *epollPoller) close() { p.k.Close(p.fd) }

func (p *epollPoller) control(op, fd int, gen uint32, want interest) sys.Errno {
	p.change = unix.EpollEvent{Fd: int32(fd), Pad: int32(gen)}
	switch want {
	case readable:
		p.change.Events = unix.EPOLLIN
	case writable:
		p.change.Events = unix.EPOLLOUT
	}
	return p.k.EpollCtl(p.fd, op, fd, &p.change)
}
