//go:build linux

// Package sys is the interface between this program and the kernel: the hand-written
// engines and the load generator make every system call, and read every clock, through
// [Kernel].
//
// [Linux] is the real kernel. Package sys/sim has a simulated one, whose calls can fail on
// purpose and whose runs can be repeated. A test may wrap either of them, e.g. to count calls.
//
// The interface costs about 2 ns for each call. One echoed message costs a server about
// 5,000 ns.
package sys

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Errno is the error number of the kernel; 0 means that the call succeeded. It is not
// returned as an error, because an engine looks at it for every message.
type Errno = syscall.Errno

// Kernel is the system calls that engines use. Each method has the name of its call and does
// what its man page says; the comments say only what the page does not.
//
// An implementation must allow calls from several goroutines at once, as the kernel does.
// The caller must order the calls on one descriptor. When a call returns, its arguments
// belong to the caller again.
type Kernel interface {
	// Socket to Getpeername are not on a hot path.
	Socket(domain, typ, proto int) (fd int, errno Errno)
	SetsockoptInt(fd, level, opt, value int) Errno
	SetsockoptLinger(fd int, linger *unix.Linger) Errno
	Bind(fd int, addr unix.Sockaddr) Errno
	Listen(fd, backlog int) Errno
	Connect(fd int, addr unix.Sockaddr) Errno
	Getsockname(fd int) (unix.Sockaddr, Errno)
	// Getpeername stores the peer's address in *peer. It fails with ENOTCONN if the
	// connection has ended.
	Getpeername(fd int, peer *unix.RawSockaddrAny) Errno

	// Accept4 stores the peer's address in *peer unless peer is nil.
	Accept4(fd int, peer *unix.RawSockaddrAny, flags int) (nfd int, errno Errno)
	// Recv is recv(2). n is 0 at the end of the stream (errno 0) and on an error. The
	// descriptor must be non-blocking.
	Recv(fd int, p []byte, flags int) (n int, errno Errno)
	// Send is send(2); flags should hold MSG_NOSIGNAL. The descriptor must be
	// non-blocking.
	Send(fd int, p []byte, flags int) (n int, errno Errno)
	// Shutdown is shutdown(2). A listening socket does not listen any more, for every
	// process that shares it: accept fails with EINVAL on TCP, and on a unix socket with
	// EAGAIN, although poll reports that it is readable.
	Shutdown(fd, how int) Errno
	// Close is close(2). On Linux the descriptor is closed even if the call fails, also with
	// EINTR, so the call must not be repeated.
	Close(fd int) Errno

	// Outq is ioctl(2) SIOCOUTQ: how much was sent and is not delivered yet. On a TCP socket
	// it counts the bytes that the peer has not acknowledged, with those that are not sent
	// yet (tcp(7)). On a unix socket it counts the kernel's memory for what the peer has not
	// read, so only 0 has a meaning. After a reset the number has no meaning. EINVAL on a
	// listening TCP socket.
	Outq(fd int) (n int, errno Errno)
	// SocketError is getsockopt(2) SO_ERROR: it returns the pending error and clears it.
	SocketError(fd int) (pending, errno Errno)
	// AcceptQueue is getsockopt(2) TCP_INFO on a listening TCP socket:
	// tcpi_unacked is how many connections wait for accept (tcp_get_info in
	// net/ipv4/tcp.c). The number has no meaning on a socket that does not listen. On a unix
	// socket it fails with EOPNOTSUPP.
	AcceptQueue(fd int) (n int, errno Errno)

	// Recvmmsg and Sendmmsg receive and send several datagrams; n is their number. An error
	// after the first of them is reported by the next call, or not at all.
	Recvmmsg(fd int, msgs []Mmsghdr, flags int) (n int, errno Errno)
	Sendmmsg(fd int, msgs []Mmsghdr, flags int) (n int, errno Errno)

	// Eventfd, Read and Write wake a thread: it waits for a descriptor of eventfd(2), and
	// another thread writes to it.
	Eventfd(initval uint, flags int) (fd int, errno Errno)
	Read(fd int, p []byte) (n int, errno Errno)
	Write(fd int, p []byte) (n int, errno Errno)

	// The calls of the pollers. A timeout is in milliseconds: 0 never blocks, -1 blocks until
	// something happens.
	Select(nfd int, r, w *unix.FdSet, timeout int) (n int, errno Errno)
	Poll(fds []unix.PollFd, timeout int) (n int, errno Errno)
	EpollCreate1(flags int) (fd int, errno Errno)
	EpollCtl(epfd, op, fd int, event *unix.EpollEvent) Errno
	EpollWait(epfd int, events []unix.EpollEvent, timeout int) (n int, errno Errno)
	// EpollPwait2 is EpollWait with a timeout in nanoseconds, which is not negative.
	EpollPwait2(epfd int, events []unix.EpollEvent, timeout time.Duration) (n int, errno Errno)

	// Now reads the monotonic clock: nanoseconds since an arbitrary time.
	Now() int64
	// Sleep is nanosleep(2), repeated until d has passed. It cannot fail, so it is used for
	// the pause after a call that has failed.
	Sleep(d time.Duration)
}

// IsReal reports whether the calls of k are made by the real kernel, so that its waits block the
// thread. A kernel that passes its calls on to another has a method Unwrap, which returns the
// other.
func IsReal(k Kernel) bool {
	for {
		outer, ok := k.(interface{ Unwrap() Kernel })
		if !ok {
			break
		}
		k = outer.Unwrap()
	}
	_, real := k.(*Linux)
	return real
}

// Mmsghdr is struct mmsghdr of recvmmsg(2): one datagram of a batch, and its length.
type Mmsghdr struct {
	Hdr unix.Msghdr
	Len uint32
}
