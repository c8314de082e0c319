//go:build linux

package sim

// Call names a system call that may fail. epoll_ctl is three, because each of
// its operations may fail in its own ways.
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
