//go:build linux

package reactor

import (
	"golang.org/x/sys/unix"

	"echod/internal/sys"
)

// pollPoller asks with poll(2): an array with an entry for each descriptor, so
// there is no wall at 1024. It is still copied into the kernel and scanned from
// end to end at every wait, however few descriptors are ready.
type pollPoller struct {
	k      sys.Kernel
	fds    []unix.PollFd // dense; the kernel sees just this
	gens   []uint32      // of the same entries
	place  []int32       // by descriptor: its entry in fds
	events []event
}

func newPoll(k sys.Kernel) (poller, sys.Errno) {
	return &pollPoller{k: k, events: make([]event, 0, batch)}, 0
}

func (p *pollPoller) add(fd int, gen uint32, want interest) sys.Errno {
	for fd >= len(p.place) {
		p.place = append(p.place, 0)
	}
	p.place[fd] = int32(len(p.fds))
	p.fds = append(p.fds, unix.PollFd{Fd: int32(fd)})
	p.gens = append(p.gens, gen)
	return p.mod(fd, gen, want)
}

func (p *pollPoller) mod(fd int, gen uint32, want interest) sys.Errno {
	entry := &p.fds[p.place[fd]]
	entry.Events = 0
	switch want {
	case readable:
		entry.Events = unix.POLLIN
	case writable:
		entry.Events = unix.POLLOUT
	}
	return 0
}

func (p *pollPoller) del(fd int) {
	at, last := p.place[fd], len(p.fds)-1
	p.fds[at], p.gens[at] = p.fds[last], p.gens[last]
	p.place[p.fds[at].Fd] = at
	p.fds, p.gens = p.fds[:last], p.gens[:last]
}

func (p *pollPoller) drop(fd int) { p.del(fd) }

func (p *pollPoller) wait(timeout int) ([]event, sys.Errno) {
	n, errno := p.k.Poll(p.fds, timeout)
	if errno == unix.EINTR {
		return nil, 0
	}
	if errno != 0 {
		return nil, errno
	}
	p.events = p.events[:0]
	for i := 0; i < len(p.fds) && len(p.events) < n; i++ {
		if p.fds[i].Revents != 0 {
			p.events = append(p.events, event{fd: p.fds[i].Fd, gen: p.gens[i]})
		}
	}
	return p.events, 0
}

func (p *pollPoller) close() {}
