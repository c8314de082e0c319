// Package errno finds the error number in an error of package net, gives it its
// POSIX name on every platform, and classifies it. Its table is the only one: no
// other package lists error numbers by platform.
package errno

import (
	"errors"
	"syscall"
)

// Class is what an error number means for the socket on which it occurred.
type Class uint8

const (
	Other         Class = iota // not in the table
	Reset                      // the connection was aborted
	Closed                     // the connection had ended before the call
	Refused                    // nothing listens
	TimedOut                   // the kernel gave up waiting for the peer
	Unreachable                // no route to the peer, or the network is down
	Protocol                   // a pending protocol error of the connection (accept(2))
	NoDescriptors              // a limit on open files
	NoMemory                   // no memory or no buffers
	NoAddress                  // no local address or port is available
	NotPermitted               // the process lacks a privilege
	Filtered                   // a firewall rule forbids it (accept(2))
	TooLong                    // the datagram is longer than the socket sends
)

var classes = map[syscall.Errno]Class{
	syscall.ECONNRESET:    Reset,
	syscall.ECONNABORTED:  Reset,
	syscall.EPIPE:         Closed,
	syscall.ENOTCONN:      Closed,
	syscall.ECONNREFUSED:  Refused,
	syscall.ETIMEDOUT:     TimedOut,
	syscall.ENETRESET:     TimedOut, // keepalive found no peer
	syscall.ENETUNREACH:   Unreachable,
	syscall.EHOSTUNREACH:  Unreachable,
	syscall.ENETDOWN:      Unreachable,
	syscall.EHOSTDOWN:     Unreachable,
	syscall.EPROTO:        Protocol,
	syscall.ENOPROTOOPT:   Protocol,
	syscall.EMFILE:        NoDescriptors,
	syscall.ENFILE:        NoDescriptors,
	syscall.ENOBUFS:       NoMemory,
	syscall.ENOMEM:        NoMemory,
	syscall.EADDRNOTAVAIL: NoAddress,
	syscall.EADDRINUSE:    NoAddress,
	syscall.EACCES:        NotPermitted,
	syscall.EPERM:         Filtered,
	syscall.EMSGSIZE:      TooLong,
}

// Of returns the error number of the system call that failed with err, as POSIX
// names it. It is 0 if no system call failed.
func Of(err error) syscall.Errno {
	number, _ := errors.AsType[syscall.Errno](err)
	return POSIX(number)
}

// POSIX returns the number that package syscall has for the POSIX name of number:
// on Windows that differs from the number that Windows Sockets reports. A number
// without a POSIX name is returned as it is.
func POSIX(number syscall.Errno) syscall.Errno {
	if posix, ok := winsock[number]; ok {
		return posix
	}
	return number
}

// Classify returns the class of number.
func Classify(number syscall.Errno) Class { return classes[POSIX(number)] }
