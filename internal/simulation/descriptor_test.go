//go:build linux

package simulation

import (
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"echod/internal/sys"
	"echod/internal/trace"
)

// descriptor is a descriptor of the machine as package net has them (internal/poll of the
// standard library): calls do not block, and a goroutine sleeps until they would succeed.
type descriptor struct {
	m       *machine
	fd      int
	network string // tcp, udp or unix
	near    net.Addr
	far     net.Addr // nil without a peer

	readBy, writeBy deadline
	closing         chan struct{} // closed by Close
	gone            chan struct{} // closed when the kernel has closed it

	mu     sync.Mutex
	users  int // calls in progress, and 1 until Close
	closed bool
	errno  sys.Errno // of close(2)
}

// newDescriptor registers fd with the poller of the runtime, as package net does. It closes fd
// if that fails.
func newDescriptor(m *machine, fd int, network string, near, far net.Addr) (*descriptor, sys.Errno) {
	epoll, errno := m.poller()
	if errno == 0 {
		errno = m.EpollCtl(epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Fd: int32(fd)})
	}
	if errno != 0 {
		m.Close(fd)
		return nil, errno
	}
	return &descriptor{m: m, fd: fd, network: network, near: near, far: far, users: 1,
		closing: make(chan struct{}), gone: make(chan struct{})}, 0
}

var _ trace.Inspector = (*descriptor)(nil)

func (d *descriptor) LocalAddr() net.Addr  { return d.near }
func (d *descriptor) RemoteAddr() net.Addr { return d.far }
func (d *descriptor) Addr() net.Addr       { return d.near }

func (d *descriptor) SetReadDeadline(t time.Time) error  { d.readBy.set(t); return nil }
func (d *descriptor) SetWriteDeadline(t time.Time) error { d.writeBy.set(t); return nil }
func (d *descriptor) SetDeadline(t time.Time) error {
	d.readBy.set(t)
	d.writeBy.set(t)
	return nil
}

// Close ends every wait. It returns when the kernel has closed the descriptor, which is after
// the last call in progress.
func (d *descriptor) Close() error {
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return d.wrap("close", net.ErrClosed)
	}
	d.closed = true
	close(d.closing)
	d.mu.Unlock()
	d.leave()
	<-d.gone
	return d.wrap("close", failed("close", d.errno))
}

// enter starts a call. It returns false if the descriptor is closed.
func (d *descriptor) enter() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.closed {
		d.users++
	}
	return !d.closed
}

func (d *descriptor) leave() {
	d.mu.Lock()
	d.users--
	last := d.users == 0
	d.mu.Unlock()
	if last {
		d.m.EpollCtl(d.m.netpoll, unix.EPOLL_CTL_DEL, d.fd, nil)
		d.errno = d.m.Close(d.fd)
		close(d.gone)
	}
}

// await repeats call until it returns true. Before each repetition it sleeps until the kernel
// reports one of events.
func (d *descriptor) await(events int16, by *deadline, call func() (done bool)) error {
	if !d.enter() {
		return net.ErrClosed
	}
	defer d.leave()
	if by.isOver() {
		return os.ErrDeadlineExceeded
	}
	var again retry
	for !call() {
		if err := d.sleep(events, by, &again); err != nil {
			return err
		}
	}
	return nil
}

// retry is the pause when the kernel reports that a socket is ready and the call fails with
// EAGAIN: none the first time, then longer and longer.
type retry struct{ times int }

func (r *retry) next() time.Duration {
	r.times++
	if r.times == 1 {
		return 0
	}
	return min(time.Millisecond<<min(r.times, 20), time.Second)
}

func (d *descriptor) sleep(events int16, by *deadline, again *retry) error {
	w, changed := d.m.watch(d.fd, events)
	defer d.m.forget(w)
	var timer <-chan time.Time
	if w.ready == nil {
		timer = time.After(again.next())
	} else {
		again.times, changed = 0, nil
	}
	select {
	case <-w.ready:
	case <-changed:
	case <-timer:
	case <-by.over():
		return os.ErrDeadlineExceeded
	case <-d.closing:
		return net.ErrClosed
	}
	return nil
}

// wrap returns err as package net returns it from op.
func (d *descriptor) wrap(op string, err error) error {
	if err == nil {
		return nil
	}
	return &net.OpError{Op: op, Net: d.network, Source: d.near, Addr: d.far, Err: err}
}

// failed returns the error of a system call.
func failed(call string, errno sys.Errno) error {
	if errno == 0 {
		return nil
	}
	return os.NewSyscallError(call, errno)
}

// try makes a call, and reports whether it must be repeated when the socket is ready. After
// EINTR it repeats the call at once, as package net does.
func try(call func() sys.Errno) (errno sys.Errno, wait bool) {
	for {
		if errno = call(); errno != unix.EINTR {
			return errno, errno == unix.EAGAIN
		}
	}
}

// option sets a socket option, as the methods of package net do.
func (d *descriptor) option(call func() sys.Errno) error {
	if !d.enter() {
		return d.wrap("set", net.ErrClosed)
	}
	defer d.leave()
	return d.wrap("set", failed("setsockopt", call()))
}

// Inspect is trace.Inspector: fd is not a descriptor of the real kernel.
func (d *descriptor) Inspect() (held sys.Held, ok bool) {
	if !d.enter() {
		return sys.Held{}, false
	}
	defer d.leave()
	return d.m.Inspect(d.fd)
}

func (d *descriptor) SyscallConn() (syscall.RawConn, error) { return rawConn{d}, nil }

type rawConn struct{ d *descriptor }

func (c rawConn) Control(f func(fd uintptr)) error {
	if !c.d.enter() {
		return c.d.wrap("raw-control", net.ErrClosed)
	}
	defer c.d.leave()
	f(uintptr(c.d.fd))
	return nil
}

func (c rawConn) Read(f func(fd uintptr) (done bool)) error {
	return c.d.wrap("raw-read", c.d.await(unix.POLLIN, &c.d.readBy, func() bool { return f(uintptr(c.d.fd)) }))
}

func (c rawConn) Write(f func(fd uintptr) (done bool)) error {
	return c.d.wrap("raw-write", c.d.await(unix.POLLOUT, &c.d.writeBy, func() bool { return f(uintptr(c.d.fd)) }))
}

// deadline is a read or a write deadline.
type deadline struct {
	mu    sync.Mutex
	timer *time.Timer
	past  chan struct{} // closed when the deadline has passed
}

func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
	}
	past := d.channel()
	if isClosed(past) {
		past = make(chan struct{})
		d.past = past
	}
	left := time.Until(t)
	switch {
	case t.IsZero():
		d.timer = nil
	case left <= 0:
		close(past)
	default:
		var timer *time.Timer
		timer = time.AfterFunc(left, func() {
			d.mu.Lock()
			defer d.mu.Unlock()
			if d.timer == timer && !isClosed(past) {
				close(past)
			}
		})
		d.timer = timer
	}
}

func (d *deadline) channel() chan struct{} {
	if d.past == nil {
		d.past = make(chan struct{})
	}
	return d.past
}

func (d *deadline) over() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.channel()
}

func (d *deadline) isOver() bool { return isClosed(d.over()) }

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
