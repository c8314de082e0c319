package dial

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
)

// Class says in one word, that programs can rely on, how a connection failed.
type Class string

const (
	EOF         Class = "premature-eof" // it ended in order, and before its time
	Reset       Class = "reset"         // it was aborted
	Timeout     Class = "timeout"       // what was due did not come in time
	Refused     Class = "refused"       // nobody listens
	Unreachable Class = "unreachable"   // no way there
	DNS         Class = "dns"           // the name means nothing
	TLS         Class = "tls"           // the handshake failed
	Local       Class = "local"         // this machine could not do its part
)

// Classify says what an error of the net package means; "" if that is not known,
// or err is nil.
func Classify(err error) Class {
	var dns *net.DNSError
	var timeout net.Error
	var handshake *HandshakeError
	switch {
	case errors.As(err, &handshake) && Classify(handshake.Err) != Timeout:
		return TLS
	case errors.As(err, &dns):
		return DNS
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		// The second is a FIN where TLS wants a close_notify before it.
		return EOF
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

// TooLong reports whether this machine would not send a datagram of that size.
func TooLong(err error) bool { return errors.Is(err, errnoTooLong) }

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
