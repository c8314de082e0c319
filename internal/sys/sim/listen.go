//go:build linux

package sim

import (
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"

	"echod/internal/sys"
)

// Listen may be called again: on a listening socket it changes the backlog, and a TCP socket
// that was shut down listens again. If the socket has no port it gets a free one
// (inet_autobind).
func (k *Kernel) Listen(fd, backlog int) sys.Errno {
	_, s := find[*socket](k, Listen, fd)
	if s == nil {
		return k.wrongFile(Listen, fd)
	}
	if d := k.decide(Listen); d.errno != 0 {
		return d.errno
	}
	if s.domain != unix.AF_UNIX && s.port == 0 {
		s.port, _ = k.bind(s, nil)
	}
	s.listening, s.backlog = true, backlog
	return 0
}

// Accept4 reserves a descriptor before it looks at the queue, as do_accept in net/socket.c
// does: without a free one it fails with EMFILE even if the queue is empty.
func (k *Kernel) Accept4(fd int, peer *unix.RawSockaddrAny, flags int) (int, sys.Errno) {
	d, s := find[*socket](k, Accept4, fd)
	if s == nil {
		return -1, k.wrongFile(Accept4, fd)
	}
	k.mustNotBlock(Accept4, d, 0)
	if flags&unix.SOCK_NONBLOCK == 0 || flags&unix.SOCK_CLOEXEC == 0 {
		k.violate("accept4 without SOCK_NONBLOCK|SOCK_CLOEXEC")
	}
	if errno := k.decide(Accept4).errno; errno != 0 {
		if dropsConnection(errno) && len(s.queue) > 0 {
			s.dequeue().end.close(true)
		}
		d.allowRetry(errno)
		return -1, errno
	}
	if errno := k.checkFiles(); errno != 0 {
		return -1, errno
	}
	switch {
	case !s.listening:
		return -1, unix.EINVAL
	case len(s.queue) == 0, s.isSpurious(Accept4):
		return -1, unix.EAGAIN
	}
	d.unserved = 0
	st := s.dequeue()
	if peer != nil {
		writeName(unsafe.Pointer(peer), st.domain, st.addr)
	}
	return k.open(st, true)
}

func (s *socket) dequeue() *stream {
	st := s.queue[0]
	s.queue = s.queue[1:]
	return st
}

// enqueue appends the server's end of a new connection to the accept queue. A TCP connection
// inherits the options of the listener, and what was shut down before listen(2) (sk_clone,
// tcp_rcv_state_process). On a unix socket the connecting process makes both ends, which
// inherit nothing (unix_stream_connect).
func (s *socket) enqueue(end endpoint, from netip.AddrPort) *stream {
	st := &stream{k: s.k, end: end, domain: s.domain, port: s.port, addr: from, accepted: !s.notEcho}
	switch e := end.(type) {
	case *tcp:
		e.rcv, e.snd = s.k.recvBuffer, s.k.sendBuffer
		st.linger, e.inline, e.shut = s.linger, s.inline, s.shut
	case *local:
		e.rcv, e.snd = s.k.recvBuffer, s.k.sendBuffer
	}
	s.queue = append(s.queue, st)
	return st
}

// checkQueue returns the error of connecting: 0 if there is space in the queue, which holds
// one more than the backlog (sk_acceptq_is_full, unix_recvq_full).
func (s *socket) checkQueue() sys.Errno {
	switch {
	case !s.listening || s.domain == unix.AF_UNIX && s.shut&rcvShutdown != 0:
		return unix.ECONNREFUSED
	case len(s.queue) > s.backlog:
		return unix.EAGAIN
	}
	return 0
}

// stopListening resets the connections in the queue.
func (s *socket) stopListening() {
	queue := s.queue
	s.queue, s.listening = nil, false
	for _, st := range queue {
		st.end.close(true)
	}
}

// shutdown is inet_shutdown and unix_shutdown. After SHUT_RD a TCP socket does not listen any
// more: accept fails with EINVAL, poll reports POLLHUP, and a port that the kernel chose is
// released (tcp_set_state). A unix socket keeps its queue and refuses new connections: when
// the queue is empty, accept fails with EAGAIN and poll goes on to report POLLIN (measured
// on Linux 6.18).
func (s *socket) shutdown(how int) sys.Errno {
	bits, errno := shutdownBits(how)
	switch {
	case errno != 0:
		return errno
	case s.domain == unix.AF_UNIX:
		s.shut |= bits
		return 0
	case !s.listening:
		s.shut |= bits
		return unix.ENOTCONN
	case bits&rcvShutdown != 0:
		s.stopListening()
		s.shut = 0
		if !s.fixed {
			s.releasePort()
			s.port = 0
		}
	}
	return 0
}

// ShutdownElsewhere is shutdown(2) on fd by another process that shares the socket, e.g. an
// inherited listener.
func (k *Kernel) ShutdownElsewhere(fd, how int) sys.Errno {
	switch f := k.files[fd].file.(type) {
	case *socket:
		return f.shutdown(how)
	case *stream:
		return f.end.shutdown(how)
	}
	return unix.ENOTCONN
}

func (k *Kernel) listenerAt(port uint16) *socket {
	l, _ := k.ports[port].(*socket)
	if l == nil || !l.listening {
		return nil
	}
	return l
}

// NotEcho says that the listener fd does not serve an echo: the promises of an echo service
// are not checked on its connections.
func (k *Kernel) NotEcho(fd int) { k.files[fd].file.(*socket).notEcho = true }

// Listening reports whether fd is a listening stream socket.
func (k *Kernel) Listening(fd int) bool {
	s, ok := k.files[fd].file.(*socket)
	return ok && s.listening
}
