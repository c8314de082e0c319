//go:build linux

package poll

import (
	"golang.org/x/sys/unix"

	"echod/internal/sys"
)

// pollPoller waits with poll(2). Its list of watched descriptors is an array of
// structs with the fields fd, events and revents. poll reads events, the interest,
// and writes revents, the result, so the list need not be built again for each wait.
// Any descriptor can be in it: there is no limit at 1,024.
//
// Each wait still copies the whole array into the kernel, and the kernel and the
// program scan all of it, however few descriptors are ready.
type pollPoller struct {
	k      sys.Kernel
	fds    []unix.PollFd // without gaps, because poll looks at every entry
	tags   []uint32      // of the same entries
	index  []int32       // by descriptor: its entry in fds; unwatched if it has none
	events []Event
}

// unwatched is the index of a descriptor that has no entry.
const unwatched = -1

// NewPoll returns a Poller that waits with poll(2).
func NewPoll(k sys.Kernel) (Poller, sys.Errno) {
	return &pollPoller{k: k, events: make([]Event, 0, 512)}, 0
}

func (p *pollPoller) Add(fd int, tag uint32, interest Conditions) sys.Errno {
	for fd >= len(p.index) {
		p.index = append(p.index, unwatched)
	}
	p.index[fd] = int32(len(p.fds))
	p.fds = append(p.fds, unix.PollFd{Fd: int32(fd)})
	p.tags = append(p.tags, tag)
	return p.Modify(fd, tag, interest)
}

func (p *pollPoller) Modify(fd int, tag uint32, interest Conditions) sys.Errno {
	at := p.index[fd]
	p.fds[at].Events, p.tags[at] = int16(interest), tag
	return 0
}

func (p *pollPoller) Remove(fd int) {
	// The last entry moves into the place of the removed one.
	at, last := p.index[fd], len(p.fds)-1
	p.fds[at], p.tags[at] = p.fds[last], p.tags[last]
	p.index[p.fds[at].Fd] = at
	p.fds, p.tags = p.fds[:last], p.tags[:last]
	p.index[fd] = unwatched
}

func (p *pollPoller) CloseFD(fd int) {
	if fd < len(p.index) && p.index[fd] != unwatched {
		p.Remove(fd)
	}
	p.k.Close(fd)
}

func (p *pollPoller) Wait(timeout int) ([]Event, sys.Errno) {
	n, errno := p.k.Poll(p.fds, timeout)
	if errno == unix.EINTR {
		return nil, 0
	}
	if errno != 0 {
		return nil, errno
	}
	p.events = p.events[:0]
	for i := 0; i < len(p.fds) && len(p.events) < n; i++ { // n entries have a result
		if revents := p.fds[i].Revents; revents != 0 {
			p.events = append(p.events, Event{FD: p.fds[i].Fd, Tag: p.tags[i], Ready: Conditions(revents)})
		}
	}
	return p.events, 0
}

func (p *pollPoller) Use(k sys.Kernel) { p.k = k }

func (p *pollPoller) Close() {}
