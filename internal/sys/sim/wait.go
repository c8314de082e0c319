//go:build linux

package sim

import (
	"time"

	"golang.org/x/sys/unix"

	"echod/internal/sys"
)

// patience is how often in a row a wait may report that a descriptor is ready
// and nobody serve it before that is a violation: the loop spins.
const patience = 32

// wait is what the three calls have in common. look tells how much is ready
// now, and reports at most limit of it.
func (k *Kernel) wait(call Call, timeout int, look func(limit func(int) int) int) (int, sys.Errno) {
	d := k.decide(call)
	if d.errno != 0 {
		return 0, d.errno
	}
	for {
		if n := look(d.limit); n > 0 || timeout == 0 {
			return n, 0
		}
		wake := Timeout
		if k.OnBlock != nil {
			wake = k.OnBlock(timeout)
		}
		switch {
		case wake == Look:
		case wake == Signal:
			return 0, unix.EINTR
		case timeout < 0:
			panic("sim: deadlock: " + call.String() + " would sleep for ever")
		default:
			k.Advance(time.Duration(timeout) * time.Millisecond)
			k.forgive()
			timeout = 0
		}
	}
}

// Ready is what poll(2) would say of fd now. It is no call of the server's: nothing is
// counted, and no time passes.
func (k *Kernel) Ready(fd int) int16 { return k.files[fd].ready() }

// report notes that a wait tells the server of d's readiness.
func (k *Kernel) report(d *descriptor) {
	d.streak++
	if d.streak == patience {
		k.violate("spin: fd %d (%T) was reported ready %d times in a row and not served", d.fd, d.file, patience)
	}
}

// forgive starts all counts of unserved readiness anew: somebody slept, so
// nobody spins.
func (k *Kernel) forgive() {
	for _, d := range k.files {
		if d != nil {
			d.streak = 0
		}
	}
}

// excuse is forgive for one descriptor on which a call failed through no fault
// of the server's, and which is to be tried again at once.
func (d *descriptor) excuse(errno sys.Errno) {
	switch errno {
	case unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM:
	default:
		d.streak = 0
	}
}

// Select is select(2). In terms of poll(2), a descriptor is readable on POLLIN,
// POLLHUP and POLLERR, writable on POLLOUT and POLLERR (fs/select.c).
func (k *Kernel) Select(nfd int, r, w *unix.FdSet, timeout int) (int, sys.Errno) {
	if nfd > unix.FD_SETSIZE {
		k.violate("select on %d descriptors: beyond the end of fd_set", nfd)
		return 0, unix.EINVAL
	}
	wantRead, wantWrite := *r, *w
	return k.wait(Select, timeout, func(limit func(int) int) int {
		r.Zero()
		w.Zero()
		readyRead := k.scan(nfd, &wantRead, unix.POLLIN|unix.POLLHUP|unix.POLLERR)
		readyWrite := k.scan(nfd, &wantWrite, unix.POLLOUT|unix.POLLERR)
		most := limit(len(readyRead) + len(readyWrite))
		return k.set(r, readyRead, most) + k.set(w, readyWrite, most-min(most, len(readyRead)))
	})
}

// scan lists who of a set is ready for any of events.
func (k *Kernel) scan(nfd int, want *unix.FdSet, events int16) []*descriptor {
	var ready []*descriptor
	for fd := range nfd {
		if !want.IsSet(fd) {
			continue
		}
		if d := k.lookup(Select, fd); d != nil && d.ready()&events != 0 {
			ready = append(ready, d)
		}
	}
	return ready
}

// set reports the first most of ready.
func (k *Kernel) set(s *unix.FdSet, ready []*descriptor, most int) int {
	ready = ready[:min(most, len(ready))]
	for _, d := range ready {
		s.Set(d.fd)
		k.report(d)
	}
	return len(ready)
}

// Poll is poll(2). Errors and hang-ups are reported whether wanted or not.
func (k *Kernel) Poll(fds []unix.PollFd, timeout int) (int, sys.Errno) {
	return k.wait(Poll, timeout, func(limit func(int) int) int {
		var ready []int
		for i := range fds {
			fds[i].Revents = 0
			if k.polled(&fds[i]) != 0 {
				ready = append(ready, i)
			}
		}
		most := limit(len(ready))
		for _, i := range ready[:most] {
			fds[i].Revents = k.polled(&fds[i])
			k.report(k.files[fds[i].Fd])
		}
		return most
	})
}

// polled is what is to be told of one entry. A negative descriptor is skipped.
func (k *Kernel) polled(entry *unix.PollFd) int16 {
	if entry.Fd < 0 {
		return 0
	}
	d := k.lookup(Poll, int(entry.Fd))
	if d == nil {
		return 0
	}
	return d.ready() & (entry.Events | unix.POLLERR | unix.POLLHUP)
}
