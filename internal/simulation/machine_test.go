//go:build linux

package simulation

import (
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"echod/internal/sys"
	"echod/internal/sys/sim"
)

// machine lets several goroutines of a synctest bubble use one simulated kernel. Its time is
// the time of the bubble plus all pauses of the process. A wait sleeps until something has
// changed or its timeout is over.
type machine struct {
	mu      sync.Mutex
	k       *sim.Kernel
	start   time.Time
	paused  time.Duration // how long the process was stopped so far
	changed chan struct{} // closed when waits must check again

	waiters map[*waiter]struct{}
	netpoll int // the epoll instance of package net's runtime; 0 until it is used

	lastWait time.Time
	waits    int   // at that time
	returns  []int // for each wait that has returned: how many calls the kernel had by then
	problems []string
}

var (
	_ sys.Kernel    = (*machine)(nil)
	_ sys.Inspector = (*machine)(nil)
)

// maxWaits is how many waits may return without simulated time passing. A service that needs
// more of them spins.
const maxWaits = 20_000

func newMachine() *machine {
	return &machine{k: sim.New(nil), start: time.Now(), changed: make(chan struct{}), waiters: make(map[*waiter]struct{})}
}

// do runs f on the kernel, at the current time.
func (m *machine) do(f func(k *sim.Kernel)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.advance()
	f(m.k)
	m.wakeReady()
}

// change is do for an f that may wake a wait.
func (m *machine) change(f func(k *sim.Kernel)) {
	m.do(func(k *sim.Kernel) {
		f(k)
		close(m.changed)
		m.changed = make(chan struct{})
	})
}

// pause stops the process for d, while during runs.
func (m *machine) pause(d time.Duration, during func(k *sim.Kernel)) {
	m.change(func(k *sim.Kernel) {
		during(k)
		m.paused += d
		m.advance()
	})
}

// advance sets the kernel's clock to the current time, unless its calls have moved it further.
func (m *machine) advance() {
	if behind := int64(time.Since(m.start)+m.paused) - m.k.Now(); behind > 0 {
		m.k.Advance(time.Duration(behind))
	}
}

// elapsed returns the current time since the machine was started. It changes nothing.
func (m *machine) elapsed() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return max(time.Duration(m.k.Now()), time.Since(m.start)+m.paused)
}

// Inspect changes nothing, not even the time of the kernel.
func (m *machine) Inspect(fd int) (held sys.Held, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.k.Inspect(fd)
}

// waited returns how many waits have returned so far.
func (m *machine) waited() (n int) {
	m.do(func(*sim.Kernel) { n = len(m.returns) })
	return n
}

func (m *machine) problem(format string, args ...any) {
	m.problems = append(m.problems, fmt.Sprintf(format, args...))
}

// wait calls look until it finds something or the timeout, in milliseconds, is over.
func (m *machine) wait(timeout int, look func(k *sim.Kernel) (int, sys.Errno)) (n int, errno sys.Errno) {
	var end int64
	for first := true; ; first = false {
		var changed chan struct{}
		var left time.Duration
		busy := false
		m.do(func(k *sim.Kernel) {
			busy = m.countWait()
			n, errno = look(k)
			changed = m.changed
			if first {
				end = k.Now() + int64(timeout)*int64(time.Millisecond)
			}
			left = time.Duration(end - k.Now())
		})
		switch {
		case busy:
			time.Sleep(time.Second)
		case n != 0 || errno != 0 || timeout == 0 || timeout > 0 && left <= 0:
			m.do(func(k *sim.Kernel) { m.returns = append(m.returns, len(k.Trace())) })
			return n, errno
		}
		if timeout < 0 {
			<-changed
			continue
		}
		timer := time.NewTimer(max(left, 0))
		select {
		case <-changed:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// countWait counts the waits at one time. It returns true if there are too many: a loop that
// never sleeps would stop simulated time.
func (m *machine) countWait() bool {
	if now := time.Now(); !now.Equal(m.lastWait) {
		m.lastWait, m.waits = now, 0
	}
	m.waits++
	if m.waits < maxWaits {
		return false
	}
	m.waits = 0
	m.problem("busy loop: %d waits without time passing", maxWaits)
	return true
}

func (m *machine) EpollWait(epfd int, events []unix.EpollEvent, timeout int) (int, sys.Errno) {
	return m.wait(timeout, func(k *sim.Kernel) (int, sys.Errno) { return k.EpollWait(epfd, events, 0) })
}

func (m *machine) EpollPwait2(epfd int, events []unix.EpollEvent, timeout time.Duration) (int, sys.Errno) {
	return m.EpollWait(epfd, events, int(timeout.Milliseconds()))
}

func (m *machine) Poll(fds []unix.PollFd, timeout int) (int, sys.Errno) {
	return m.wait(timeout, func(k *sim.Kernel) (int, sys.Errno) { return k.Poll(fds, 0) })
}

func (m *machine) Select(nfd int, r, w *unix.FdSet, timeout int) (int, sys.Errno) {
	wantRead, wantWrite := *r, *w
	return m.wait(timeout, func(k *sim.Kernel) (int, sys.Errno) {
		*r, *w = wantRead, wantWrite
		return k.Select(nfd, r, w, 0)
	})
}

func (m *machine) Socket(domain, typ, proto int) (fd int, errno sys.Errno) {
	m.do(func(k *sim.Kernel) { fd, errno = k.Socket(domain, typ, proto) })
	return fd, errno
}

func (m *machine) SetsockoptInt(fd, level, opt, value int) (errno sys.Errno) {
	m.do(func(k *sim.Kernel) { errno = k.SetsockoptInt(fd, level, opt, value) })
	return errno
}

func (m *machine) SetsockoptLinger(fd int, linger *unix.Linger) (errno sys.Errno) {
	m.do(func(k *sim.Kernel) { errno = k.SetsockoptLinger(fd, linger) })
	return errno
}

func (m *machine) Bind(fd int, addr unix.Sockaddr) (errno sys.Errno) {
	m.do(func(k *sim.Kernel) { errno = k.Bind(fd, addr) })
	return errno
}

func (m *machine) Listen(fd, backlog int) (errno sys.Errno) {
	m.do(func(k *sim.Kernel) { errno = k.Listen(fd, backlog) })
	return errno
}

func (m *machine) Connect(fd int, addr unix.Sockaddr) (errno sys.Errno) {
	m.change(func(k *sim.Kernel) { errno = k.Connect(fd, addr) })
	return errno
}

func (m *machine) Getsockname(fd int) (name unix.Sockaddr, errno sys.Errno) {
	m.do(func(k *sim.Kernel) { name, errno = k.Getsockname(fd) })
	return name, errno
}

func (m *machine) Getpeername(fd int, peer *unix.RawSockaddrAny) (errno sys.Errno) {
	m.do(func(k *sim.Kernel) { errno = k.Getpeername(fd, peer) })
	return errno
}

func (m *machine) Accept4(fd int, peer *unix.RawSockaddrAny, flags int) (nfd int, errno sys.Errno) {
	m.do(func(k *sim.Kernel) { nfd, errno = k.Accept4(fd, peer, flags) })
	return nfd, errno
}

func (m *machine) Recv(fd int, p []byte, flags int) (n int, errno sys.Errno) {
	m.do(func(k *sim.Kernel) { n, errno = k.Recv(fd, p, flags) })
	return n, errno
}

func (m *machine) Send(fd int, p []byte, flags int) (n int, errno sys.Errno) {
	m.do(func(k *sim.Kernel) { n, errno = k.Send(fd, p, flags) })
	return n, errno
}

func (m *machine) Shutdown(fd, how int) (errno sys.Errno) {
	m.change(func(k *sim.Kernel) { errno = k.Shutdown(fd, how) })
	return errno
}

func (m *machine) Close(fd int) (errno sys.Errno) {
	m.change(func(k *sim.Kernel) { errno = k.Close(fd) })
	return errno
}

func (m *machine) Outq(fd int) (n int, errno sys.Errno) {
	m.do(func(k *sim.Kernel) { n, errno = k.Outq(fd) })
	return n, errno
}

func (m *machine) SocketError(fd int) (pending, errno sys.Errno) {
	m.do(func(k *sim.Kernel) { pending, errno = k.SocketError(fd) })
	return pending, errno
}

func (m *machine) AcceptQueue(fd int) (n int, errno sys.Errno) {
	m.do(func(k *sim.Kernel) { n, errno = k.AcceptQueue(fd) })
	return n, errno
}

func (m *machine) Recvmmsg(fd int, msgs []sys.Mmsghdr, flags int) (n int, errno sys.Errno) {
	m.do(func(k *sim.Kernel) { n, errno = k.Recvmmsg(fd, msgs, flags) })
	return n, errno
}

func (m *machine) Sendmmsg(fd int, msgs []sys.Mmsghdr, flags int) (n int, errno sys.Errno) {
	m.do(func(k *sim.Kernel) { n, errno = k.Sendmmsg(fd, msgs, flags) })
	return n, errno
}

func (m *machine) Eventfd(initval uint, flags int) (fd int, errno sys.Errno) {
	m.do(func(k *sim.Kernel) { fd, errno = k.Eventfd(initval, flags) })
	return fd, errno
}

func (m *machine) Read(fd int, p []byte) (n int, errno sys.Errno) {
	m.do(func(k *sim.Kernel) { n, errno = k.Read(fd, p) })
	return n, errno
}

func (m *machine) Write(fd int, p []byte) (n int, errno sys.Errno) {
	m.change(func(k *sim.Kernel) { n, errno = k.Write(fd, p) })
	return n, errno
}

func (m *machine) EpollCreate1(flags int) (fd int, errno sys.Errno) {
	m.do(func(k *sim.Kernel) { fd, errno = k.EpollCreate1(flags) })
	return fd, errno
}

func (m *machine) EpollCtl(epfd, op, fd int, event *unix.EpollEvent) (errno sys.Errno) {
	m.change(func(k *sim.Kernel) { errno = k.EpollCtl(epfd, op, fd, event) })
	return errno
}

// Sleep sleeps in the time of the bubble, without the lock of the kernel.
func (m *machine) Sleep(d time.Duration) { time.Sleep(d) }

func (m *machine) Now() (now int64) {
	m.do(func(k *sim.Kernel) { now = k.Now() })
	return now
}

// waiter is a goroutine that sleeps until a descriptor is ready.
type waiter struct {
	fd     int
	events int16
	ready  chan struct{} // nil if it is ready now
}

// watch returns a waiter for fd. changed is closed when anything on the machine changes.
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

// poller returns the epoll instance of the Go runtime.
func (m *machine) poller() (fd int, errno sys.Errno) {
	m.do(func(k *sim.Kernel) {
		if m.netpoll == 0 {
			choose := k.Choose
			k.Choose = nil // the runtime panics without it
			m.netpoll, errno = k.EpollCreate1(unix.EPOLL_CLOEXEC)
			k.Choose = choose
		}
		fd = m.netpoll
	})
	return fd, errno
}

// openDescriptors returns the open descriptors, without the runtime's own.
func (m *machine) openDescriptors() (open []int) {
	m.do(func(k *sim.Kernel) {
		for _, fd := range k.Open() {
			if fd != m.netpoll {
				open = append(open, fd)
			}
		}
	})
	return open
}
