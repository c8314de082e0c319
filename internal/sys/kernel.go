//go:build linux

package sys

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Errno is the kernel's own error number; 0 means that the call succeeded.
// It is returned bare, not as an error, because an engine decides on it for
// every message it moves.
type Errno = syscall.Errno

// Kernel is the set of system calls that engines are made of. Each method bears
// the name of its call and means what its man page says; the comments tell only
// what the page does not.
//
// An implementation must allow calls from several goroutines at once, as the
// kernel does. Calls on one descriptor are the caller's to put in order.
// Whatever is passed in belongs to the caller again when the call returns.
type Kernel interface {
	// Socket to Getpeername set a socket up, or ask about it. None of them is on
	// a hot path.
	Socket(domain, typ, proto int) (fd int, errno Errno)
	SetsockoptInt(fd, level, opt, value int) Errno
	SetsockoptLinger(fd int, linger *unix.Linger) Errno
	Bind(fd int, addr unix.Sockaddr) Errno
	Listen(fd, backlog int) Errno
	Connect(fd int, addr unix.Sockaddr) Errno
	Getsockname(fd int) (unix.Sockaddr, Errno)
	// Getpeername stores the peer's address in *peer. A connection that the
	// kernel has given up has none (ENOTCONN), whatever it was before.
	Getpeername(fd int, peer *unix.RawSockaddrAny) Errno

	// Accept4 stores the peer's address in *peer unless peer is nil.
	Accept4(fd int, peer *unix.RawSockaddrAny, flags int) (nfd int, errno Errno)
	// Recv is recv(2). n is 0 both at the end of the stream (errno 0) and on
	// an error. The descriptor must be non-blocking.
	Recv(fd int, p []byte, flags int) (n int, errno Errno)
	// Send is send(2); flags should hold MSG_NOSIGNAL. The descriptor must be
	// non-blocking.
	Send(fd int, p []byte, flags int) (n int, errno Errno)
	// Shutdown is shutdown(2). On a listening socket it ends the listening for
	// every process that shares the socket: afterwards accept fails with EINVAL
	// on TCP, and on a unix socket with EAGAIN although poll reports it readable.
	Shutdown(fd, how int) Errno
	// Close gives the descriptor back, whatever it returns: close(2) on Linux
	// releases it even on EINTR, so it is never to be repeated.
	Close(fd int) Errno

	// Outq is ioctl(2) SIOCOUTQ: how much was sent and not yet delivered. On a
	// TCP socket it counts the bytes that the peer has not acknowledged, unsent
	// ones included (tcp(7)). On a unix socket it counts the kernel's memory for
	// what the peer has not read, so only 0 has a meaning. After a reset the
	// number means nothing. EINVAL on a listening TCP socket.
	Outq(fd int) (n int, errno Errno)
	// SocketError is getsockopt(2) SO_ERROR: pending is what the socket would report
	// next, and is forgotten by that.
	SocketError(fd int) (pending, errno Errno)
	// AcceptQueue is getsockopt(2) TCP_INFO on a listening TCP socket:
	// tcpi_unacked is how many connections wait for accept (tcp_get_info in
	// net/ipv4/tcp.c). The answer has no meaning on a socket that does not
	// listen. On a unix socket: EOPNOTSUPP.
	AcceptQueue(fd int) (n int, errno Errno)

	// Recvmmsg and Sendmmsg move whole batches of datagrams; n counts the
	// messages. An error after the first message shows only on the next call.
	Recvmmsg(fd int, msgs []Mmsghdr, flags int) (n int, errno Errno)
	Sendmmsg(fd int, msgs []Mmsghdr, flags int) (n int, errno Errno)

	// Eventfd, Read and Write carry wake-ups between threads: a loop sleeps
	// on the descriptor that eventfd(2) made, and others write to it.
	Eventfd(initval uint, flags int) (fd int, errno Errno)
	Read(fd int, p []byte) (n int, errno Errno)
	Write(fd int, p []byte) (n int, errno Errno)

	// The pollers' own calls. A timeout is in milliseconds: 0 never blocks,
	// -1 blocks until something happens.
	Select(nfd int, r, w *unix.FdSet, timeout int) (n int, errno Errno)
	Poll(fds []unix.PollFd, timeout int) (n int, errno Errno)
	EpollCreate1(flags int) (fd int, errno Errno)
	EpollCtl(epfd, op, fd int, event *unix.EpollEvent) Errno
	EpollWait(epfd int, events []unix.EpollEvent, timeout int) (n int, errno Errno)

	// Now reads the monotonic clock: nanoseconds since an arbitrary moment.
	Now() int64
	// Sleep is nanosleep(2), repeated until all of d has passed. It cannot fail,
	// so it is the pause after a call that has failed.
	Sleep(d time.Duration)
}

// Mmsghdr is struct mmsghdr of recvmmsg(2): one datagram of a batch, and how
// long it was.
type Mmsghdr struct {
	Hdr unix.Msghdr
	Len uint32
}
