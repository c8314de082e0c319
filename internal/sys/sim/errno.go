//go:build linux

package sim

import (
	"slices"

	"golang.org/x/sys/unix"

	"echod/internal/sys"
)

// legal is what each call may return without the caller being at fault: the
// ERRORS section of its man page, less what only a wrong argument causes (EBADF,
// EFAULT, EINVAL, ENOTSOCK …), and, where the page is silent, the kernel's own
// source (net/socket.c, net/ipv4/tcp.c, net/core/stream.c, fs/eventpoll.c,
// fs/eventfd.c). A script refers to an errno by its place here.
var legal = [numCalls][]sys.Errno{
	// socket(2).
	Socket: {unix.EACCES, unix.EAFNOSUPPORT, unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM,
		unix.EPROTONOSUPPORT},
	// setsockopt(2), POSIX; ENOPROTOOPT from a kernel that lacks the option.
	Setsockopt: {unix.ENOMEM, unix.ENOBUFS, unix.ENOPROTOOPT},
	// bind(2).
	Bind: {unix.EACCES, unix.EADDRINUSE, unix.EADDRNOTAVAIL, unix.ENOMEM},
	// listen(2): another socket took the port between bind and listen.
	Listen: {unix.EADDRINUSE},
	// connect(2), to a unix socket; EADDRNOTAVAIL, ENETUNREACH on TCP.
	Connect: {unix.ECONNREFUSED, unix.EAGAIN, unix.EACCES, unix.ENOENT, unix.EADDRNOTAVAIL, unix.ENETUNREACH},
	// getsockname(2).
	Getsockname: {unix.ENOBUFS},
	// getpeername(2): ENOTCONN after a reset (inet_getname in net/ipv4/af_inet.c).
	Getpeername: {unix.ENOBUFS, unix.ENOTCONN},
	// accept(2), ERRORS and "Error handling". EINVAL is not here: it is the
	// lasting answer of a listener that was shut down (Kernel.ShutdownElsewhere),
	// not the fate of one call.
	Accept4: {unix.EAGAIN, unix.EINTR, unix.ECONNABORTED, unix.EPROTO, unix.EPERM, unix.ENETDOWN,
		unix.EHOSTUNREACH, unix.ENETUNREACH, unix.ENOPROTOOPT, unix.EHOSTDOWN, unix.ENONET,
		unix.EOPNOTSUPP, unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM},
	// recv(2); tcp_reset in net/ipv4/tcp_input.c for EPIPE; tcp(7) for
	// ETIMEDOUT; ip(7) for EHOSTUNREACH and ENETUNREACH.
	Recv: {unix.EAGAIN, unix.EINTR, unix.ECONNRESET, unix.EPIPE, unix.ETIMEDOUT, unix.EHOSTUNREACH,
		unix.ENETUNREACH, unix.ENOMEM, unix.ECONNABORTED},
	// send(2); tcp(7), ip(7). ECONNABORTED is what ss -K leaves (tcp_abort).
	Send: {unix.EAGAIN, unix.EINTR, unix.ECONNRESET, unix.EPIPE, unix.ETIMEDOUT, unix.EHOSTUNREACH,
		unix.ENETUNREACH, unix.ENOBUFS, unix.ENOMEM, unix.ECONNABORTED},
	// close(2). The descriptor is released all the same.
	Close: {unix.EINTR, unix.EIO},
	// recvmmsg(2), on an unconnected UDP socket. ECONNABORTED is what ss -K
	// leaves (udp_abort).
	Recvmmsg: {unix.EAGAIN, unix.EINTR, unix.ENOMEM, unix.ECONNABORTED},
	// sendmmsg(2) on the same; udp(7), ip(7). EPERM is a firewall's refusal.
	Sendmmsg: {unix.EAGAIN, unix.EINTR, unix.EPERM, unix.EACCES, unix.ENOBUFS, unix.ENOMEM,
		unix.EHOSTUNREACH, unix.ENETUNREACH, unix.ENETDOWN, unix.EMSGSIZE, unix.EINVAL},
	// eventfd(2). A non-blocking one is never interrupted (fs/eventfd.c).
	Eventfd: {unix.EMFILE, unix.ENFILE, unix.ENODEV, unix.ENOMEM},
	Read:    {unix.EAGAIN},
	Write:   {unix.EAGAIN},
	// select(2), poll(2), epoll_wait(2).
	Select:    {unix.EINTR, unix.ENOMEM},
	Poll:      {unix.EINTR, unix.ENOMEM},
	EpollWait: {unix.EINTR},
	// epoll_create(2), epoll_ctl(2). ENOSPC is max_user_watches, which only
	// adding can meet; deleting allocates nothing.
	EpollCreate1: {unix.EMFILE, unix.ENFILE, unix.ENOMEM},
	EpollAdd:     {unix.ENOMEM, unix.ENOSPC},
	EpollMod:     {unix.ENOMEM},
	EpollDel:     {},
	// shutdown(2): ENOTCONN after a reset (tcp_shutdown, inet_shutdown).
	Shutdown: {unix.ENOTCONN},
	// ioctl(2) SIOCOUTQ and getsockopt(2) TCP_INFO only read numbers; they fail
	// for wrong arguments alone.
	Ioctl:      {},
	Getsockopt: {},
}

// Legal lists the errnos with which a script can make call fail.
func Legal(call Call) []sys.Errno { return slices.Clone(legal[call]) }

// ends are the errnos after which a stream is no more: tcp_reset and
// tcp_write_err leave the socket in the state CLOSE.
func ends(errno sys.Errno) bool {
	switch errno {
	case unix.ECONNRESET, unix.EPIPE, unix.ETIMEDOUT, unix.EHOSTUNREACH, unix.ENETUNREACH, unix.ECONNABORTED:
		return true
	}
	return false
}

// spendsConnection reports whether accept, failing with errno, has taken a
// connection off the queue and dropped it, rather than left it there.
func spendsConnection(errno sys.Errno) bool {
	switch errno {
	case unix.EAGAIN, unix.EINTR, unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM:
		return false
	}
	return true
}
