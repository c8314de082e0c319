//go:build linux

package trace

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"echod/internal/sys"
)

// Kernel returns a kernel that makes the calls of k, and records those on the connections that
// it accepts. It asks k, if it is a sys.Inspector, what it holds after each of them, and makes
// no other call. engine is the name of the engine that uses it.
func (r *Recorder) Kernel(k sys.Kernel, engine string) *Kernel {
	f := Follow(k, engine)
	f.recorder, f.now = r, r.cfg.Now
	return f
}

// Follow returns a kernel that makes the calls of k, and records those on the connections that are
// given to Begin.
func Follow(k sys.Kernel, engine string) *Kernel {
	inspector, _ := k.(sys.Inspector)
	return &Kernel{Kernel: k, now: sinceStart, engine: engine, inspector: inspector}
}

// Kernel records calls. Calls that are not about a connection, or about one that is not traced,
// pass through.
type Kernel struct {
	sys.Kernel
	recorder  *Recorder // of the connections that are accepted; nil for none
	now       func() time.Duration
	engine    string
	inspector sys.Inspector // nil if the kernel is none
	lives     sync.Map      // *Life by descriptor
}

// Unwrap returns the kernel that makes the calls.
func (k *Kernel) Unwrap() sys.Kernel { return k.Kernel }

// Begin begins the live trace of fd. Of o, FD, Engine and Held need not be set.
func (k *Kernel) Begin(fd int, l *Life, o Opened) {
	o.FD, o.Engine, o.Held = fd, k.engine, k.inspect(fd)
	l.Open(o)
	k.lives.Store(fd, l)
}

// Forget ends the trace of fd, if it is that of l. It reports whether no connection is traced any
// more.
func (k *Kernel) Forget(fd int, l *Life) (idle bool) {
	k.lives.CompareAndDelete(fd, l)
	idle = true
	k.lives.Range(func(any, any) bool { idle = false; return false })
	return idle
}

// life returns the life of fd; nil if it is not traced.
func (k *Kernel) life(fd int) *Life {
	if l, ok := k.lives.Load(fd); ok {
		return l.(*Life)
	}
	return nil
}

func (k *Kernel) inspect(fd int) *sys.Held {
	if k.inspector == nil {
		return nil
	}
	return held(k.inspector.Inspect(fd))
}

// step records a call on fd that began at begin.
func (k *Kernel) step(l *Life, fd int, begin time.Duration, errno sys.Errno, rec Record) {
	rec.Time, rec.Took = begin, l.Now()-begin
	rec.Errno = errnoName(errno)
	if l.omits(&rec) {
		return
	}
	if rec.Op != Close {
		rec.Held = k.inspect(fd)
	}
	l.Step(rec)
}

// Accept4 begins the life of a connection. It asks for the peer's address also if the program
// does not.
func (k *Kernel) Accept4(fd int, peer *unix.RawSockaddrAny, flags int) (int, sys.Errno) {
	if k.recorder == nil {
		return k.Kernel.Accept4(fd, peer, flags)
	}
	if peer == nil {
		peer = new(unix.RawSockaddrAny)
	}
	begin := k.now()
	nfd, errno := k.Kernel.Accept4(fd, peer, flags)
	if errno != 0 {
		return nfd, errno
	}
	addr := sys.AddrPort(peer)
	addr = netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
	if l := k.recorder.Begin(addr); l != nil {
		k.lives.Store(nfd, l)
		k.step(l, nfd, begin, 0, Record{Op: Accept, Call: "accept4", Args: acceptArgs(fd, flags), N: nfd,
			Peer: peerName(addr, peer.Addr.Family), Engine: k.engine, FD: nfd})
	}
	return nfd, 0
}

func peerName(addr netip.AddrPort, family uint16) string {
	if family == unix.AF_UNIX {
		return UnixPeer
	}
	return addr.String()
}

func (k *Kernel) Recv(fd int, p []byte, flags int) (int, sys.Errno) {
	l := k.life(fd)
	if l == nil {
		return k.Kernel.Recv(fd, p, flags)
	}
	begin := l.Now()
	n, errno := k.Kernel.Recv(fd, p, flags)
	op := Receive
	if flags&unix.MSG_PEEK != 0 {
		op = Peek
	}
	k.step(l, fd, begin, errno, Record{Op: op, Call: "recv", Args: messageArgs(fd, len(p), flags), N: n, Asked: len(p), Data: p})
	return n, errno
}

func (k *Kernel) Send(fd int, p []byte, flags int) (int, sys.Errno) {
	l := k.life(fd)
	if l == nil {
		return k.Kernel.Send(fd, p, flags)
	}
	begin := l.Now()
	n, errno := k.Kernel.Send(fd, p, flags)
	k.step(l, fd, begin, errno, Record{Op: Send, Call: "send", Args: messageArgs(fd, len(p), flags), N: n, Asked: len(p), Data: p})
	return n, errno
}

// Read and Write are the calls of a program that does not use recv(2) and send(2).
func (k *Kernel) Read(fd int, p []byte) (int, sys.Errno) {
	l := k.life(fd)
	if l == nil {
		return k.Kernel.Read(fd, p)
	}
	begin := l.Now()
	n, errno := k.Kernel.Read(fd, p)
	k.step(l, fd, begin, errno, Record{Op: Receive, Call: "read", Args: bufferArgs(fd, len(p)), N: n, Asked: len(p), Data: p})
	return n, errno
}

func (k *Kernel) Write(fd int, p []byte) (int, sys.Errno) {
	l := k.life(fd)
	if l == nil {
		return k.Kernel.Write(fd, p)
	}
	begin := l.Now()
	n, errno := k.Kernel.Write(fd, p)
	k.step(l, fd, begin, errno, Record{Op: Send, Call: "write", Args: bufferArgs(fd, len(p)), N: n, Asked: len(p), Data: p})
	return n, errno
}

func (k *Kernel) Shutdown(fd, how int) sys.Errno {
	l := k.life(fd)
	if l == nil {
		return k.Kernel.Shutdown(fd, how)
	}
	begin := l.Now()
	errno := k.Kernel.Shutdown(fd, how)
	k.step(l, fd, begin, errno, Record{Op: Shutdown, Call: "shutdown", Args: shutdownArgs(fd, how)})
	return errno
}

// Close ends the life. The number of the descriptor may be that of another connection at once,
// so the life ends before the call.
func (k *Kernel) Close(fd int) sys.Errno {
	l := k.life(fd)
	if l == nil {
		return k.Kernel.Close(fd)
	}
	k.lives.Delete(fd)
	begin := l.Now()
	errno := k.Kernel.Close(fd)
	k.step(l, fd, begin, errno, Record{Op: Close, Call: "close", Args: fdArgs(fd)})
	return errno
}

func (k *Kernel) SetsockoptLinger(fd int, linger *unix.Linger) sys.Errno {
	l := k.life(fd)
	if l == nil {
		return k.Kernel.SetsockoptLinger(fd, linger)
	}
	begin := l.Now()
	errno := k.Kernel.SetsockoptLinger(fd, linger)
	op := LingerOff
	if linger.Onoff != 0 {
		op = LingerOn
	}
	k.step(l, fd, begin, errno, Record{Op: op, Call: "setsockopt", Args: lingerArgs(fd, linger)})
	return errno
}

func (k *Kernel) SetsockoptInt(fd, level, opt, value int) sys.Errno {
	l := k.life(fd)
	if l == nil {
		return k.Kernel.SetsockoptInt(fd, level, opt, value)
	}
	begin := l.Now()
	errno := k.Kernel.SetsockoptInt(fd, level, opt, value)
	k.step(l, fd, begin, errno, Record{Op: Other, Call: "setsockopt", Args: optionArgs(fd, level, opt, value)})
	return errno
}

func (k *Kernel) Outq(fd int) (int, sys.Errno) {
	l := k.life(fd)
	if l == nil {
		return k.Kernel.Outq(fd)
	}
	begin := l.Now()
	n, errno := k.Kernel.Outq(fd)
	k.step(l, fd, begin, errno, Record{Op: Query, Call: "ioctl", Args: queryArgs(fd), N: n})
	return n, errno
}

func (k *Kernel) EpollCtl(epfd, op, fd int, event *unix.EpollEvent) sys.Errno {
	l := k.life(fd)
	if l == nil {
		return k.Kernel.EpollCtl(epfd, op, fd, event)
	}
	begin := l.Now()
	errno := k.Kernel.EpollCtl(epfd, op, fd, event)
	rec := Record{Op: Watch, Call: "epoll_ctl", Args: controlArgs(epfd, op, fd, event)}
	if op != unix.EPOLL_CTL_DEL {
		rec.Events = eventsOf(event.Events)
	}
	k.step(l, fd, begin, errno, rec)
	return errno
}

func (k *Kernel) EpollWait(epfd int, events []unix.EpollEvent, timeout int) (int, sys.Errno) {
	begin := k.now()
	n, errno := k.Kernel.EpollWait(epfd, events, timeout)
	for i := range max(n, 0) {
		ev := &events[i]
		if l := k.life(int(ev.Fd)); l != nil {
			k.step(l, int(ev.Fd), begin, errno, Record{Op: Wait, Call: "epoll_wait", Args: epollArgs(epfd, len(events), timeout),
				N: n, Result: eventResult("EPOLL", int(ev.Fd), ev.Events), Events: eventsOf(ev.Events)})
		}
	}
	return n, errno
}

func (k *Kernel) Poll(fds []unix.PollFd, timeout int) (int, sys.Errno) {
	begin := k.now()
	n, errno := k.Kernel.Poll(fds, timeout)
	for i := 0; i < len(fds) && errno == 0 && n > 0; i++ {
		fd, ready := int(fds[i].Fd), uint32(uint16(fds[i].Revents))
		if ready == 0 {
			continue
		}
		if l := k.life(fd); l != nil {
			k.step(l, fd, begin, errno, Record{Op: Wait, Call: "poll", Args: pollArgs(fds, i, timeout),
				N: n, Result: eventResult("POLL", fd, ready), Events: eventsOf(ready)})
		}
	}
	return n, errno
}

// Select is given copies of the sets, so that the trace has them as they were before the call.
func (k *Kernel) Select(nfd int, r, w *unix.FdSet, timeout int) (int, sys.Errno) {
	begin, read, write := k.now(), *r, *w
	n, errno := k.Kernel.Select(nfd, r, w, timeout)
	for fd := 0; fd < nfd && errno == 0 && n > 0; fd++ {
		var events []Event
		if r.IsSet(fd) {
			events = append(events, Readable)
		}
		if w.IsSet(fd) {
			events = append(events, Writable)
		}
		if events == nil {
			continue
		}
		if l := k.life(fd); l != nil {
			k.step(l, fd, begin, errno, Record{Op: Wait, Call: "select", Args: selectArgs(nfd, fd, &read, &write, timeout),
				N: n, Result: selectResult(fd, r, w), Events: events})
		}
	}
	return n, errno
}
