package trace

import (
	"errors"
	"io"
	"net"
	"os"
	"time"

	"echod/internal/errno"
	"echod/internal/sys"
)

// Inspector is a connection that knows itself what its kernel holds, because that is not the kernel
// of this machine but e.g. a simulated one.
type Inspector interface {
	Inspect() (held sys.Held, ok bool)
}

// Call records a call of package net on conn, which began at begin, or before the trace of conn,
// and returned err. It sets the times of rec, Errno, and Held unless the call has closed conn. So
// a program that uses package net is seen from above: Go's runtime makes the system calls, and
// waits between them.
func (l *Life) Call(begin time.Duration, conn net.Conn, err error, rec Record) {
	if l == nil {
		return
	}
	if l.also != nil {
		l.also.Call(l.TimeIn(l.also, begin), conn, err, rec)
	}
	begin = max(begin, l.opened)
	rec.Time, rec.Took = begin, l.Now()-begin
	rec.Errno = errorName(err)
	if l.omits(&rec) {
		return
	}
	if rec.Op != Close {
		rec.Held = Inspect(conn)
	}
	l.Step(rec)
}

// errorName returns the name of the error number in err, or else its text; "" if there is no
// error, or the end of the stream.
func errorName(err error) string {
	switch number := errno.Of(err); {
	case err == nil || err == io.EOF:
		return ""
	case number != 0:
		return errnoName(number)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "i/o timeout"
	case errors.Is(err, net.ErrClosed):
		return "use of closed network connection"
	}
	return err.Error()
}
