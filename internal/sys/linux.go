//go:build linux

package sys

import (
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Linux is the real kernel.
//
// Calls that cannot block use RawSyscall6, which does not notify Go's scheduler: with the
// notification an echo loop needs 1.4 times the CPU. A raw call that blocks would hold its
// processor and stop garbage collection. So every socket must be non-blocking. Only the
// waits of pollers, which may sleep, use Syscall6.
type Linux struct{}

var _ Kernel = (*Linux)(nil)

func (*Linux) Socket(domain, typ, proto int) (int, Errno) {
	fd, err := unix.Socket(domain, typ, proto)
	return fd, errnoOf(err)
}

func (*Linux) SetsockoptInt(fd, level, opt, value int) Errno {
	return errnoOf(unix.SetsockoptInt(fd, level, opt, value))
}

func (*Linux) SetsockoptLinger(fd int, linger *unix.Linger) Errno {
	_, _, errno := syscall.RawSyscall6(unix.SYS_SETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_LINGER,
		uintptr(unsafe.Pointer(linger)), unsafe.Sizeof(*linger), 0)
	return errno
}

func (*Linux) Bind(fd int, addr unix.Sockaddr) Errno { return errnoOf(unix.Bind(fd, addr)) }

func (*Linux) Listen(fd, backlog int) Errno { return errnoOf(unix.Listen(fd, backlog)) }

func (*Linux) Connect(fd int, addr unix.Sockaddr) Errno { return errnoOf(unix.Connect(fd, addr)) }

func (*Linux) Getsockname(fd int) (unix.Sockaddr, Errno) {
	addr, err := unix.Getsockname(fd)
	return addr, errnoOf(err)
}

func (*Linux) Getpeername(fd int, peer *unix.RawSockaddrAny) Errno {
	size := uint32(unsafe.Sizeof(*peer))
	_, _, errno := syscall.RawSyscall(unix.SYS_GETPEERNAME, uintptr(fd), uintptr(unsafe.Pointer(peer)),
		uintptr(unsafe.Pointer(&size)))
	return errno
}

func (*Linux) Accept4(fd int, peer *unix.RawSockaddrAny, flags int) (int, Errno) {
	if peer == nil {
		return result(syscall.RawSyscall6(unix.SYS_ACCEPT4, uintptr(fd), 0, 0, uintptr(flags), 0, 0))
	}
	size := uint32(unsafe.Sizeof(*peer))
	return result(syscall.RawSyscall6(unix.SYS_ACCEPT4, uintptr(fd), uintptr(unsafe.Pointer(peer)),
		uintptr(unsafe.Pointer(&size)), uintptr(flags), 0, 0))
}

func (*Linux) Recv(fd int, p []byte, flags int) (int, Errno) {
	return result(syscall.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), uintptr(flags), 0, 0))
}

func (*Linux) Send(fd int, p []byte, flags int) (int, Errno) {
	return result(syscall.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), uintptr(flags), 0, 0))
}

func (*Linux) Shutdown(fd, how int) Errno {
	_, _, errno := syscall.RawSyscall6(unix.SYS_SHUTDOWN, uintptr(fd), uintptr(how), 0, 0, 0, 0)
	return errno
}

func (*Linux) Outq(fd int) (int, Errno) {
	var n int32
	_, _, errno := syscall.RawSyscall6(unix.SYS_IOCTL, uintptr(fd), unix.SIOCOUTQ, uintptr(unsafe.Pointer(&n)), 0, 0, 0)
	return int(n), errno
}

func (*Linux) SocketError(fd int) (pending, errno Errno) {
	number, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	return Errno(number), errnoOf(err)
}

func (*Linux) AcceptQueue(fd int) (int, Errno) {
	info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		return 0, errnoOf(err)
	}
	return int(info.Unacked), 0
}

func (*Linux) Close(fd int) Errno {
	_, _, errno := syscall.RawSyscall6(unix.SYS_CLOSE, uintptr(fd), 0, 0, 0, 0, 0)
	return errno
}

func (*Linux) Recvmmsg(fd int, msgs []Mmsghdr, flags int) (int, Errno) {
	return result(syscall.RawSyscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(msgs))),
		uintptr(len(msgs)), uintptr(flags), 0, 0))
}

func (*Linux) Sendmmsg(fd int, msgs []Mmsghdr, flags int) (int, Errno) {
	return result(syscall.RawSyscall6(unix.SYS_SENDMMSG, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(msgs))),
		uintptr(len(msgs)), uintptr(flags), 0, 0))
}

func (*Linux) Eventfd(initval uint, flags int) (int, Errno) {
	fd, err := unix.Eventfd(initval, flags)
	return fd, errnoOf(err)
}

func (*Linux) Read(fd int, p []byte) (int, Errno) {
	return result(syscall.RawSyscall6(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), 0, 0, 0))
}

func (*Linux) Write(fd int, p []byte) (int, Errno) {
	return result(syscall.RawSyscall6(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), 0, 0, 0))
}

// Select is pselect6(2), which every architecture has; select(2) is not.
func (*Linux) Select(nfd int, r, w *unix.FdSet, timeout int) (int, Errno) {
	ts := timespec(timeout)
	if timeout == 0 {
		return result(syscall.RawSyscall6(unix.SYS_PSELECT6, uintptr(nfd), uintptr(unsafe.Pointer(r)),
			uintptr(unsafe.Pointer(w)), 0, uintptr(unsafe.Pointer(&ts)), 0))
	}
	if timeout < 0 {
		return result(syscall.Syscall6(unix.SYS_PSELECT6, uintptr(nfd), uintptr(unsafe.Pointer(r)),
			uintptr(unsafe.Pointer(w)), 0, 0, 0))
	}
	return result(syscall.Syscall6(unix.SYS_PSELECT6, uintptr(nfd), uintptr(unsafe.Pointer(r)),
		uintptr(unsafe.Pointer(w)), 0, uintptr(unsafe.Pointer(&ts)), 0))
}

// Poll is ppoll(2), which every architecture has; poll(2) is not.
func (*Linux) Poll(fds []unix.PollFd, timeout int) (int, Errno) {
	ts := timespec(timeout)
	first := unsafe.Pointer(unsafe.SliceData(fds))
	if timeout == 0 {
		return result(syscall.RawSyscall6(unix.SYS_PPOLL, uintptr(first), uintptr(len(fds)),
			uintptr(unsafe.Pointer(&ts)), 0, 0, 0))
	}
	if timeout < 0 {
		return result(syscall.Syscall6(unix.SYS_PPOLL, uintptr(first), uintptr(len(fds)), 0, 0, 0, 0))
	}
	return result(syscall.Syscall6(unix.SYS_PPOLL, uintptr(first), uintptr(len(fds)),
		uintptr(unsafe.Pointer(&ts)), 0, 0, 0))
}

func (*Linux) EpollCreate1(flags int) (int, Errno) {
	return result(syscall.RawSyscall6(unix.SYS_EPOLL_CREATE1, uintptr(flags), 0, 0, 0, 0, 0))
}

func (*Linux) EpollCtl(epfd, op, fd int, event *unix.EpollEvent) Errno {
	_, _, errno := syscall.RawSyscall6(unix.SYS_EPOLL_CTL, uintptr(epfd), uintptr(op), uintptr(fd),
		uintptr(unsafe.Pointer(event)), 0, 0)
	return errno
}

// EpollWait is epoll_pwait(2), which every architecture has; epoll_wait(2) is
// not.
func (*Linux) EpollWait(epfd int, events []unix.EpollEvent, timeout int) (int, Errno) {
	first := unsafe.Pointer(unsafe.SliceData(events))
	if timeout == 0 {
		return result(syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(epfd), uintptr(first),
			uintptr(len(events)), 0, 0, 0))
	}
	return result(syscall.Syscall6(unix.SYS_EPOLL_PWAIT, uintptr(epfd), uintptr(first),
		uintptr(len(events)), uintptr(timeout), 0, 0))
}

// EpollPwait2 is epoll_pwait2(2), since Linux 5.11.
func (*Linux) EpollPwait2(epfd int, events []unix.EpollEvent, timeout time.Duration) (int, Errno) {
	ts := unix.NsecToTimespec(int64(timeout))
	return result(syscall.Syscall6(unix.SYS_EPOLL_PWAIT2, uintptr(epfd), uintptr(unsafe.Pointer(unsafe.SliceData(events))),
		uintptr(len(events)), uintptr(unsafe.Pointer(&ts)), 0, 0))
}

// start is the time from which Now counts; time.Since reads only the monotonic clock.
var start = time.Now()

func (*Linux) Now() int64 { return int64(time.Since(start)) }

// Sleep uses the timers of Go's runtime, which need no thread of their own.
func (*Linux) Sleep(d time.Duration) { time.Sleep(d) }

// result converts the results of a system call to a count and an error number.
func result(r, _ uintptr, errno Errno) (int, Errno) {
	if errno != 0 {
		return 0, errno
	}
	return int(r), 0
}

// errnoOf returns the error number in the error of a call of x/sys, which contains nothing
// else.
func errnoOf(err error) Errno {
	if err == nil {
		return 0
	}
	return err.(Errno)
}

func timespec(ms int) unix.Timespec { return unix.NsecToTimespec(int64(ms) * int64(time.Millisecond)) }
