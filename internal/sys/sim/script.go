//go:build linux

package sim

import (
	"fmt"
	"math"
	"slices"
	"sync"

	"golang.org/x/sys/unix"

	"echod/internal/sys"
)

// Call is a system call that can fail. The three operations of epoll_ctl are three calls,
// because they can fail in different ways.
type Call uint8

const (
	Socket Call = iota
	Setsockopt
	Bind
	Listen
	Connect
	Getsockname
	Getpeername
	Accept4
	Recv
	Send
	Close
	Recvmmsg
	Sendmmsg
	Eventfd
	Read
	Write
	Select
	Poll
	EpollCreate1
	EpollAdd
	EpollMod
	EpollDel
	EpollWait
	Shutdown
	Ioctl
	Getsockopt
	numCalls
)

var callNames = [numCalls]string{
	Socket: "socket", Setsockopt: "setsockopt", Bind: "bind", Listen: "listen", Connect: "connect",
	Getsockname: "getsockname", Getpeername: "getpeername", Accept4: "accept4", Recv: "recv", Send: "send", Close: "close",
	Recvmmsg: "recvmmsg", Sendmmsg: "sendmmsg", Eventfd: "eventfd", Read: "read", Write: "write",
	Select: "select", Poll: "poll", EpollCreate1: "epoll_create1", EpollAdd: "epoll_ctl add",
	EpollMod: "epoll_ctl mod", EpollDel: "epoll_ctl del", EpollWait: "epoll_wait",
	Shutdown: "shutdown", Ioctl: "ioctl", Getsockopt: "getsockopt",
}

func (c Call) String() string { return callNames[c] }

// The bytes of a script, one for each call. After the end of the script every byte is 0.
//
//	0         the call goes as usual
//	1–127     it fails with the error number at this place of its list in legal, counted
//	          from 1; if the list is shorter, it goes as usual
//	128–191   it moves at most 1 to 64 bytes, messages or events
//	192–255   it moves at most 1/65 to 64/65 of what it was asked to move
const (
	firstCount    = 128
	firstFraction = 192
	fractions     = 65
)

// decision is what happens to one call.
type decision struct {
	errno sys.Errno
	code  byte
}

// limit returns how much of n the call may move: at least 1, unless n is 0.
func (d decision) limit(n int) int {
	switch {
	case d.code < firstCount:
		return n
	case d.code < firstFraction:
		return min(n, int(d.code)-firstCount+1)
	default:
		return min(n, max(1, n*(int(d.code)-firstFraction+1)/fractions))
	}
}

// FailAt returns the script in which the first at calls go as usual and the next one fails
// with errno. That must be a call of the given kind. It panics if errno is not legal for it.
func FailAt(at int, call Call, errno sys.Errno) []byte {
	script := make([]byte, at+1)
	script[at] = Fail(call, errno)
	return script
}

// Fail returns the byte that makes call fail with errno. It panics if errno is not legal for
// it.
func Fail(call Call, errno sys.Errno) byte {
	i := slices.Index(legal[call], errno)
	if i < 0 {
		panic(fmt.Sprintf("sim: %s never returns %v", call, errno))
	}
	return byte(i + 1)
}

// Short returns the byte that lets a call move at most n, from 1 to 64.
func Short(n int) byte { return byte(firstCount + min(max(n, 1), firstFraction-firstCount) - 1) }

// decide returns what happens to this call, and records it.
func (k *Kernel) decide(call Call) decision {
	k.trace = append(k.trace, call)
	k.clock += int64(tick)
	if len(k.attempts) > 0 {
		k.resendSYNs()
	}
	k.startPauses()
	var d decision
	if k.Fault != nil {
		d.errno = k.Fault(call)
	}
	if at := len(k.trace) - 1 - k.begin; at < len(k.script) {
		d.code = k.script[at]
	} else if k.Choose != nil {
		d.code = k.Choose(call)
	}
	if d.errno == 0 && d.code > 0 && int(d.code) <= min(len(legal[call]), math.MaxInt8) {
		d.errno = legal[call][d.code-1]
	}
	k.Coverage.record(call, d.errno)
	return d
}

// legal lists the errors that each call may return without a mistake of the caller: those
// in the ERRORS section of its man page, without those that only a wrong argument causes
// (EBADF, EFAULT, EINVAL, ENOTSOCK …). Where the page says nothing, the list follows the
// source of the kernel (net/socket.c, net/ipv4/tcp.c, net/core/stream.c, fs/eventpoll.c,
// fs/eventfd.c). A script refers to an error by its place in the list.
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
	// accept(2), ERRORS and "Error handling". EINVAL is not here: a listener that was shut
	// down returns it for every call (Kernel.ShutdownElsewhere).
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
	// close(2). The descriptor is closed nevertheless.
	Close: {unix.EINTR, unix.EIO},
	// recvmmsg(2), on an unconnected UDP socket. ECONNABORTED is what ss -K
	// leaves (udp_abort).
	Recvmmsg: {unix.EAGAIN, unix.EINTR, unix.ENOMEM, unix.ECONNABORTED},
	// sendmmsg(2) on the same; udp(7), ip(7). EPERM: a firewall refuses it.
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
	// epoll_create(2), epoll_ctl(2). ENOSPC is max_user_watches, which matters only for
	// adding; deleting allocates nothing.
	EpollCreate1: {unix.EMFILE, unix.ENFILE, unix.ENOMEM},
	EpollAdd:     {unix.ENOMEM, unix.ENOSPC},
	EpollMod:     {unix.ENOMEM},
	EpollDel:     {},
	// shutdown(2): ENOTCONN after a reset (tcp_shutdown, inet_shutdown).
	Shutdown: {unix.ENOTCONN},
	// ioctl(2) SIOCOUTQ and getsockopt(2) TCP_INFO only read numbers: they fail only
	// because of wrong arguments.
	Ioctl:      {},
	Getsockopt: {},
}

// Legal returns the errors with which a script can make call fail.
func Legal(call Call) []sys.Errno { return slices.Clone(legal[call]) }

// endsConnection reports whether a stream is closed after errno: tcp_reset and
// tcp_write_err leave the socket in the state CLOSE.
func endsConnection(errno sys.Errno) bool {
	switch errno {
	case unix.ECONNRESET, unix.EPIPE, unix.ETIMEDOUT, unix.EHOSTUNREACH, unix.ENETUNREACH, unix.ECONNABORTED:
		return true
	}
	return false
}

// dropsConnection reports whether accept, when it fails with errno, has removed a
// connection from the queue and closed it.
func dropsConnection(errno sys.Errno) bool {
	switch errno {
	case unix.EAGAIN, unix.EINTR, unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM:
		return false
	}
	return true
}

// Coverage records which calls were made, and with which errors they failed. Several
// kernels can share one. The zero Coverage is empty; a nil one records nothing.
type Coverage struct {
	mu     sync.Mutex
	calls  [numCalls]int
	failed map[entry]int
}

type entry struct {
	call  Call
	errno sys.Errno
}

func (l *Coverage) record(call Call, errno sys.Errno) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls[call]++
	if errno == 0 {
		return
	}
	if l.failed == nil {
		l.failed = make(map[entry]int)
	}
	l.failed[entry{call, errno}]++
}

// Missing lists the legal errors with which a call never failed, of all calls that were
// made.
func (l *Coverage) Missing() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var missing []string
	for call, errnos := range legal {
		if l.calls[call] == 0 {
			continue
		}
		for _, errno := range errnos {
			if l.failed[entry{Call(call), errno}] == 0 {
				missing = append(missing, fmt.Sprintf("%s: %v", Call(call), errno))
			}
		}
	}
	return missing
}

// Count returns how often call was made.
func (l *Coverage) Count(call Call) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.calls[call]
}
