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

// machine makes a simulated kernel usable by many goroutines of a synctest bubble. Its
// time is that of the bubble, and what pauses of the process have added. A wait sleeps
// until something has changed or its time is up.
type machine struct {
	mu      sync.Mutex
	k       *sim.Kernel
	start   time.Time
	paused  time.Duration // by which the process was stopped so far
	changed chan struct{} // closed when a wait should look again

	waiters map[*waiter]struct{}
	netpoll int // the epoll instance of package net's runtime; 0 until it is used

	instant  time.Time // of the last wait
	waits    int       // at this instant
	total    int       // waits that have returned so far
	problems []string
}

var _ sys.Kernel = (*machine)(nil)

// maxWaits is how many waits may return at one instant of simulated time. A service
// that needs more does not come to rest.
const maxWaits = 20_000

func newMachine() *machine {
	return &machine{k: sim.New(nil), start: time.Now(), changed: make(chan struct{}), waiters: make(map[*waiter]struct{})}
}

// do runs f on the kernel, at the present time.
func (m *machine) do(f func(k *sim.Kernel)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.advance()
	f(m.k)
	m.wakeReady()
}

// change is do for what may wake a wait.
func (m *machine) change(f func(k *sim.Kernel)) {
	m.do(func(k *sim.Kernel) {
		f(k)
		close(m.changed)
		m.changed = make(chan struct{})
	})
}

// pause stops the process for d, in which during happens.
func (m *machine) pause(d time.Duration, during func(k *sim.Kernel)) {
	m.change(func(k *sim.Kernel) {
		during(k)
		m.paused += d
		m.advance()
	})
}

// advance sets the kernel's clock, which is ahead by a microsecond for each call.
func (m *machine) advance() {
	if behind := int64(time.Since(m.start)+m.paused) - m.k.Now(); behind > 0 {
		m.k.Advance(time.Duration(behind))
	}
}

// waited is how many waits there were so far.
func (m *machine) waited() (n int) {
	m.do(func(*sim.Kernel) { n = m.total })
	return n
}

func (m *machine) problem(format string, args ...any) {
	m.problems = append(m.problems, fmt.Sprintf(format, args...))
}

// wait calls look until it finds something or timeout, in milliseconds, is over.
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
			m.do(func(*sim.Kernel) { m.total++ })
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

// countWait counts the waits of one instant. It reports true when there are too many:
// a loop that never sleeps would stop simulated time.
func (m *machine) countWait() bool {
	if now := time.Now(); !now.Equal(m.instant) {
		m.instant, m.waits = now, 0
	}
	m.waits++
	if m.waits < maxWaits {
		return false
	}
	m.waits = 0
	m.problem("busy loop: %d waits at one moment", maxWaits)
	return true
}

func (m *machine) EpollWait(epfd int, events []unix.EpollEvent, timeout int) (int, sys.Errno) {
	return m.wait(timeout, func(k *sim.Kernel) (int, sys.Errno) { return k.EpollWait(epfd, events, 0) })
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

// Sleep lets time pass in the bubble, and the kernel is free for others meanwhile.
func (m *machine) Sleep(d time.Duration) { time.Sleep(d) }

func (m *machine) Now() (now int64) {
	m.do(func(k *sim.Kernel) { now = k.Now() })
	return now
}
