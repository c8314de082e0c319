package check

import (
	"errors"
	"os"
	"syscall"
	"time"

	"echod/internal/dial"
	"echod/internal/trace"
)

// sendUrgent sends b, whose last byte is urgent (tcp(7)).
func (s *stream) sendUrgent(b []byte) error {
	c, ok := dial.Transport(s.Conn).(syscall.Conn)
	if !ok {
		return skipped("this connection cannot send urgent data")
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var sendErr error
	begin, sent := time.Now(), 0
	err = raw.Write(func(fd uintptr) bool {
		sendErr = syscall.Sendto(int(fd), b, syscall.MSG_OOB|syscall.MSG_NOSIGNAL, nil)
		return sendErr != syscall.EAGAIN && sendErr != syscall.EINTR
	})
	if sendErr == nil && err == nil {
		sent = len(b)
	}
	s.steps.add(s.Conn, begin, errors.Join(sendErr, err), trace.Record{Op: trace.Send, Call: "send", Args: "MSG_OOB|MSG_NOSIGNAL", N: sent, Asked: len(b), Data: b})
	switch {
	case errors.Is(sendErr, syscall.EOPNOTSUPP):
		return skipped("this connection cannot send urgent data: " + sendErr.Error())
	case sendErr != nil:
		return s.callError("sending urgent data", os.NewSyscallError("send", sendErr))
	case err != nil:
		return s.callError("sending urgent data", err)
	}
	return nil
}
