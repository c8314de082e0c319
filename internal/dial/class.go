package dial

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"

	"echod/internal/errno"
)

// Class is how a connection failed, in one word that programs can rely on.
type Class string

const (
	PrematureEOF Class = "premature-eof" // an orderly end before its time
	Reset        Class = "reset"         // the connection was aborted
	Timeout      Class = "timeout"       // what was due did not come in time
	Refused      Class = "refused"       // nothing listens
	Unreachable  Class = "unreachable"   // no route to the peer, or the network is down
	DNS          Class = "dns"           // the name cannot be resolved
	TLS          Class = "tls"           // the handshake failed
	Corrupt      Class = "corrupt"       // other bytes came back than were sent
	Local        Class = "local"         // this machine lacks a descriptor, memory, a port or a permission
	TooLong      Class = "too-long"      // a datagram is longer than the path takes, as far as the kernel knows, and must not be fragmented
)

// Classify returns the class of an error of package net; "" if it has none, or err
// is nil.
func Classify(err error) Class {
	if handshake, ok := errors.AsType[*HandshakeError](err); ok && Classify(handshake.Err) != Timeout {
		return TLS
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return DNS
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		// The second is a FIN where TLS expects a close_notify before it.
		return PrematureEOF
	}
	if noPort(err) {
		return Local
	}
	switch errno.Classify(errno.Of(err)) {
	case errno.Reset, errno.Closed:
		return Reset
	case errno.Refused:
		return Refused
	case errno.Unreachable:
		return Unreachable
	case errno.TimedOut:
		return Timeout
	case errno.NoDescriptors, errno.NoMemory, errno.NoAddress, errno.NotPermitted, errno.Filtered:
		return Local
	case errno.TooLong:
		return TooLong
	}
	timeout, ok := errors.AsType[net.Error](err)
	switch {
	case errors.Is(err, os.ErrNotExist): // a unix socket that does not exist is like a closed port
		return Refused
	case errors.Is(err, os.ErrPermission):
		return Local
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), ok && timeout.Timeout():
		return Timeout
	}
	return ""
}

// noPort reports whether connect(2) found no free port for a socket for datagrams. Its EAGAIN is a
// timeout for package net, as it is for a unix socket with a full backlog (unix(7)).
func noPort(err error) bool {
	failed, ok := errors.AsType[*net.OpError](err)
	return ok && failed.Op == "dial" && strings.HasPrefix(failed.Net, "udp") && errno.Of(err) == syscall.EAGAIN
}

// UnreachableError is returned when a service does not answer at all: no connection
// could be made, or not one message came back.
type UnreachableError struct {
	Target string // its URL
	Class  Class  // why; "" if that is not known
	Err    error
}

func (e *UnreachableError) Error() string {
	if e.Class == "" {
		return fmt.Sprintf("%s cannot be reached: %v", e.Target, e.Err)
	}
	return fmt.Sprintf("%s cannot be reached (%s): %v", e.Target, e.Class, e.Err)
}

func (e *UnreachableError) Unwrap() error { return e.Err }
