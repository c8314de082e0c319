//go:build linux

package sim

import (
	"encoding/binary"
	"math"

	"golang.org/x/sys/unix"

	"echod/internal/sys"
)

// eventfd is the counter of eventfd(2), not a semaphore.
type eventfd struct{ count uint64 }

// eventfdMax is the largest value of the counter.
const eventfdMax = math.MaxUint64 - 1

func (k *Kernel) Eventfd(initval uint, flags int) (int, sys.Errno) {
	if d := k.decide(Eventfd); d.errno != 0 {
		return -1, d.errno
	}
	return k.open(&eventfd{count: uint64(initval)}, flags&unix.EFD_NONBLOCK != 0)
}

func (k *Kernel) Read(fd int, p []byte) (int, sys.Errno) {
	d, e := find[*eventfd](k, Read, fd)
	if d == nil {
		return 0, unix.EBADF
	}
	k.mustNotBlock(Read, d, 0)
	if decision := k.decide(Read); decision.errno != 0 {
		d.allowRetry(decision.errno)
		return 0, decision.errno
	}
	if len(p) < 8 {
		return 0, unix.EINVAL
	}
	if e.count == 0 {
		return 0, unix.EAGAIN
	}
	d.unserved = 0
	binary.NativeEndian.PutUint64(p, e.count)
	e.count = 0
	return 8, 0
}

// Write fails with EAGAIN when the counter is full. If the script says EAGAIN, the counter
// becomes full: what waits for it wakes in both cases.
func (k *Kernel) Write(fd int, p []byte) (int, sys.Errno) {
	d, e := find[*eventfd](k, Write, fd)
	if d == nil {
		return 0, unix.EBADF
	}
	k.mustNotBlock(Write, d, 0)
	if decision := k.decide(Write); decision.errno != 0 {
		e.count = eventfdMax
		return 0, decision.errno
	}
	if len(p) < 8 {
		return 0, unix.EINVAL
	}
	n := binary.NativeEndian.Uint64(p)
	if n > eventfdMax-e.count {
		return 0, unix.EAGAIN
	}
	e.count += n
	return 8, 0
}

func (e *eventfd) ready() int16 {
	var events int16
	if e.count > 0 {
		events |= unix.POLLIN
	}
	if e.count < eventfdMax {
		events |= unix.POLLOUT
	}
	return events
}

func (e *eventfd) close() {}
