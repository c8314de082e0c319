package check

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
)

// classify says in one word what an error of the net package means; "" if that
// is not known.
func classify(err error) Class {
	var dns *net.DNSError
	var timeout net.Error
	var handshake *handshakeError
	switch {
	case errors.As(err, &handshake) && classify(handshake.err) != Timeout:
		return TLS
	case errors.As(err, &dns):
		return DNS
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		// The second is a FIN where TLS wants a close_notify before it.
		return PrematureEOF
	case isOneOf(err, errnoRefused), errors.Is(err, os.ErrNotExist):
		// A unix socket that is not there is refused like a closed port.
		return Refused
	case isOneOf(err, errnoReset):
		return Reset
	case isOneOf(err, errnoUnreachable):
		return Unreachable
	case isOneOf(err, errnoLocal), errors.Is(err, os.ErrPermission):
		return Local
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded),
		errors.As(err, &timeout) && timeout.Timeout():
		return Timeout
	}
	return ""
}

func isOneOf(err error, errnos []syscall.Errno) bool {
	for _, errno := range errnos {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}

// tooLong tells whether this machine would not send a datagram of that size.
func tooLong(err error) bool { return errors.Is(err, errnoTooLong) }
