//go:build linux

package simulation

import (
	"time"

	"golang.org/x/sys/unix"

	"echod/internal/sys"
	"echod/internal/sys/sim"
)

// waiter is a goroutine that sleeps until a descriptor is ready.
type waiter struct {
	fd     int
	events int16
	ready  chan struct{} // nil if it is ready already
}

// watch returns a waiter for fd. changed is closed when anything on the machine has.
func (m *machine) watch(fd int, events int16) (w *waiter, changed <-chan struct{}) {
	w = &waiter{fd: fd, events: events | unix.POLLERR | unix.POLLHUP}
	busy := false
	m.do(func(k *sim.Kernel) {
		busy = m.countWait()
		changed = m.changed
		if k.Ready(fd)&w.events == 0 {
			w.ready = make(chan struct{})
			m.waiters[w] = struct{}{}
		}
	})
	if busy {
		time.Sleep(time.Second)
	}
	return w, changed
}

func (m *machine) forget(w *waiter) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.waiters, w)
}

// wakeReady wakes every waiter whose descriptor is ready. m.mu is held.
func (m *machine) wakeReady() {
	for w := range m.waiters {
		if m.k.Ready(w.fd)&w.events != 0 {
			delete(m.waiters, w)
			close(w.ready)
		}
	}
}

// poller is the epoll instance of the runtime.
func (m *machine) poller() (fd int, errno sys.Errno) {
	m.do(func(k *sim.Kernel) {
		if m.netpoll == 0 {
			choose := k.Choose
			k.Choose = nil // the runtime cannot do without it
			m.netpoll, errno = k.EpollCreate1(unix.EPOLL_CLOEXEC)
			k.Choose = choose
		}
		fd = m.netpoll
	})
	return fd, errno
}

// left lists the descriptors that are open, but for the runtime's own.
func (m *machine) left() (open []int) {
	m.do(func(k *sim.Kernel) {
		for _, fd := range k.Open() {
			if fd != m.netpoll {
				open = append(open, fd)
			}
		}
	})
	return open
}
