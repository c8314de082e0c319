//go:build !linux

package sock

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
)

// Control returns a function that prepares a socket of package net. It sets
// SO_OOBINLINE, which accepted sockets inherit, and for datagrams clears SO_BROADCAST,
// which Go sets. It is for net.ListenConfig, which calls it before bind(2). The other
// options are set on each accepted connection.
func Control(s Spec, _ Options) func(network, address string, c syscall.RawConn) error {
	return func(_, _ string, c syscall.RawConn) error {
		switch s.Transport() {
		case "tcp":
			return setOption(c, "SO_OOBINLINE", soOOBInline, 1)
		case "udp":
			return setOption(c, "SO_BROADCAST", syscall.SO_BROADCAST, 0)
		}
		return nil
	}
}

func setOption(c syscall.RawConn, name string, option, value int) error {
	var failed error
	err := c.Control(func(fd uintptr) {
		failed = os.NewSyscallError("setsockopt "+name, syscall.SetsockoptInt(handle(fd), syscall.SOL_SOCKET, option, value))
	})
	if err != nil {
		return err
	}
	return failed
}

// ListenUnix binds the unix socket s and returns a listener of package net. The
// listener does not remove the file; Unlink of the returned Spec does. On an error
// nothing is left open.
func ListenUnix(s Spec, o Options) (*net.UnixListener, Spec, error) {
	path, err := reserveUnixPath(s.Path)
	if err != nil {
		return nil, s, &ListenError{s, err}
	}
	defer path.unlock()
	config := net.ListenConfig{Control: Control(s, o)}
	ln, err := config.Listen(context.Background(), "unix", s.Path)
	if err != nil {
		path.bindFailed(err)
		return nil, s, NewListenError(s, err)
	}
	listener := ln.(*net.UnixListener)
	// Package net would remove any file with this name, also one that is not ours.
	listener.SetUnlinkOnClose(false)
	bound := s
	if bound.File, err = path.bound(); err != nil {
		ln.Close()
		return nil, s, &ListenError{s, err}
	}
	return listener, bound, nil
}

// SpecOf returns an error: inherited sockets are supported on Linux only, where systemd
// passes them.
func SpecOf(file *os.File) (Spec, error) {
	return Spec{}, fmt.Errorf("inherit %s: inherited sockets are served on linux only", file.Name())
}

// hasIPv6 returns true: systems other than Linux are not built without IPv6.
func hasIPv6() bool { return true }

// Calls makes the system calls on sockets of package net for which that package has no
// method.
type Calls struct{}

// AcceptInherits reports whether an accepted TCP connection has all options of its listening
// socket.
const AcceptInherits = false

// CanLeaveUnread reports whether Consume and EchoUnread are available. They are not, and
// what these systems send to the peer of a unix socket that is closed with unread bytes
// is not known well enough to rely on.
const CanLeaveUnread = false

// Consume is available on Linux only.
func (Calls) Consume(uintptr, []byte) syscall.Errno { panic("sock: Consume without CanLeaveUnread") }

// EchoUnread is available on Linux only.
func (Calls) EchoUnread(uintptr, []byte) (int, syscall.Errno) {
	panic("sock: EchoUnread without CanLeaveUnread")
}

// Eventfd returns errors.ErrUnsupported: eventfd(2) is used on Linux only.
func (Calls) Eventfd() (*os.File, error) { return nil, errors.ErrUnsupported }

// Signal is available on Linux only.
func (Calls) Signal(uintptr) syscall.Errno { panic("sock: Signal without Eventfd") }

// SetOOBInline is available on Linux only.
func (Calls) SetOOBInline(syscall.RawConn) error {
	panic("sock: SetOOBInline without CanLeaveUnread")
}

// AcceptQueue returns a negative number: only Linux reports the length of the queue.
func (Calls) AcceptQueue(syscall.Conn) int { return -1 }

// Waiting returns nil: only on Linux can the queue be checked without waiting.
func (Calls) Waiting(syscall.Conn) func() bool { return nil }

// Undelivered returns 0: only Linux reports how much the peer has not acknowledged.
func (Calls) Undelivered(syscall.Conn) (int, error) { return 0, nil }

// SendQueue returns false: only Linux reports how many bytes are in the send queue.
func (Calls) SendQueue(syscall.Conn) (n int, ok bool) { return 0, false }

// RebindConn does nothing: no other system is known to unbind an open socket.
func (Calls) RebindConn(syscall.Conn, Spec) (rebound bool, err error) { return false, nil }

// ControlSize is the space in bytes for the control messages of one datagram. It is 0:
// control messages are used on Linux only.
const ControlSize = 0

// ReceivePktInfo does nothing. A socket that is bound to one address answers from it all
// the same.
func ReceivePktInfo(syscall.RawConn) error { return nil }

// ReceiveTrains returns false: only Linux has trains of datagrams.
func (Calls) ReceiveTrains(_ syscall.Conn, _ bool) (received bool) { return false }

// ParseControl returns the zero PktInfo: there are no control messages.
func ParseControl([]byte) PktInfo { return PktInfo{} }

// PutControl writes nothing: the system chooses the address that the answer leaves from.
func PutControl([]byte, PktInfo, netip.Addr) int { return 0 }

// ReadsVRFs returns false: VRFs are of Linux.
func ReadsVRFs() bool { return false }
