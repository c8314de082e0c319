//go:build linux

package sim

import (
	"time"

	"golang.org/x/sys/unix"

	"echod/internal/sys"
)

// spinLimit is how often in a row a wait may report a descriptor as ready, and the program do
// nothing about it, before that is a violation: the program spins.
const spinLimit = 32

// wait is what the three calls share. look reports what is ready now, but not more than limit
// allows, and returns how much.
func (k *Kernel) wait(call Call, timeout time.Duration, look func(limit func(int) int) int) (int, sys.Errno) {
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
			panic("sim: deadlock: " + call.String() + " would never return")
		default:
			k.Advance(timeout)
			k.resetUnserved()
			timeout = 0
		}
	}
}

// milliseconds returns the timeout of a call that counts in milliseconds; a negative one has
// no limit.
func milliseconds(timeout int) time.Duration { return time.Duration(timeout) * time.Millisecond }

// Ready returns the events that poll(2) would report for fd. It is not a call of the program:
// nothing is counted, and no time passes.
func (k *Kernel) Ready(fd int) int16 { return k.files[fd].ready() }

// report counts that a wait reports d as ready.
func (k *Kernel) report(d *descriptor) {
	d.unserved++
	if d.unserved == spinLimit {
		k.violate("spin: fd %d (%T) was reported ready %d times in a row and nothing was done", d.fd, d.file, spinLimit)
	}
}

// resetUnserved starts all counts of report again: a program that sleeps does not spin.
func (k *Kernel) resetUnserved() {
	for _, d := range k.files {
		if d != nil {
			d.unserved = 0
		}
	}
}

// allowRetry is resetUnserved for one descriptor, on which a call failed that the program may
// repeat at once.
func (d *descriptor) allowRetry(errno sys.Errno) {
	switch errno {
	case unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM:
	default:
		d.unserved = 0
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
	return k.wait(Select, milliseconds(timeout), func(limit func(int) int) int {
		r.Zero()
		w.Zero()
		readyRead := k.scan(nfd, &wantRead, unix.POLLIN|unix.POLLHUP|unix.POLLERR)
		readyWrite := k.scan(nfd, &wantWrite, unix.POLLOUT|unix.POLLERR)
		most := limit(len(readyRead) + len(readyWrite))
		return k.set(r, readyRead, most) + k.set(w, readyWrite, most-min(most, len(readyRead)))
	})
}

// scan returns the descriptors of a set that are ready for any of events.
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

// set reports the first most of the ready descriptors.
func (k *Kernel) set(s *unix.FdSet, ready []*descriptor, most int) int {
	ready = ready[:min(most, len(ready))]
	for _, d := range ready {
		s.Set(d.fd)
		k.report(d)
	}
	return len(ready)
}

// Poll is poll(2). POLLERR and POLLHUP are reported even if they were not asked for.
func (k *Kernel) Poll(fds []unix.PollFd, timeout int) (int, sys.Errno) {
	return k.wait(Poll, milliseconds(timeout), func(limit func(int) int) int {
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

// polled returns the events of one entry. A negative descriptor is ignored.
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
