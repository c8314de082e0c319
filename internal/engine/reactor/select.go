//go:build linux

package reactor

import (
	"golang.org/x/sys/unix"

	"echod/internal/sys"
)

// selectPoller asks with select(2): two bitmaps, a bit for each descriptor,
// copied into the kernel at every wait and scanned from 0 to the highest bit,
// there and here. The bitmap ends at 1024 descriptors, however many the process
// may have: writing past it is how programs with select corrupt their stack.
type selectPoller struct {
	k        sys.Kernel
	read     unix.FdSet // wanted
	write    unix.FdSet
	gotRead  unix.FdSet // ready: select overwrites what it is given
	gotWrite unix.FdSet
	highest  int
	gens     [unix.FD_SETSIZE]uint32
	events   []event
}

func newSelect(k sys.Kernel) (poller, sys.Errno) {
	return &selectPoller{k: k, highest: -1, events: make([]event, 0, unix.FD_SETSIZE)}, 0
}

func (p *selectPoller) add(fd int, gen uint32, want interest) sys.Errno {
	if fd >= unix.FD_SETSIZE {
		return unix.EINVAL
	}
	return p.mod(fd, gen, want)
}

func (p *selectPoller) mod(fd int, gen uint32, want interest) sys.Errno {
	p.read.Clear(fd)
	p.write.Clear(fd)
	switch want {
	case readable:
		p.read.Set(fd)
	case writable:
		p.write.Set(fd)
	}
	if want != nothing {
		p.highest = max(p.highest, fd)
	}
	p.gens[fd] = gen
	return 0
}

func (p *selectPoller) del(fd int) {
	p.mod(fd, 0, nothing)
	for p.highest >= 0 && !p.read.IsSet(p.highest) && !p.write.IsSet(p.highest) {
		p.highest--
	}
}

func (p *selectPoller) drop(fd int) { p.del(fd) }

func (p *selectPoller) wait(timeout int) ([]event, sys.Errno) {
	p.gotRead, p.gotWrite = p.read, p.write
	n, errno := p.k.Select(p.highest+1, &p.gotRead, &p.gotWrite, timeout)
	if errno == unix.EINTR {
		return nil, 0
	}
	if errno != 0 {
		return nil, errno
	}
	p.events = p.events[:0]
	for fd := 0; fd <= p.highest && len(p.events) < n; fd++ {
		if p.gotRead.IsSet(fd) || p.gotWrite.IsSet(fd) {
			p.events = append(p.events, event{fd: int32(fd), gen: p.gens[fd]})
		}
	}
	return p.events, 0
}

func (p *selectPoller) close() {}
