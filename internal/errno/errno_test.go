package errno

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
	"testing"
)

func TestOfFindsTheNumberInAWrappedError(t *testing.T) {
	tests := []struct {
		name string
		err  error
		want syscall.Errno
	}{
		{"no error", nil, 0},
		{"no system call failed", errors.New("no luck"), 0},
		{"the number itself", syscall.ECONNRESET, syscall.ECONNRESET},
		{"a system call", os.NewSyscallError("bind", syscall.EACCES), syscall.EACCES},
		{"package net", &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}, syscall.EMFILE},
		{"package os", &fs.PathError{Op: "open", Path: "/x", Err: syscall.ENOENT}, syscall.ENOENT},
		{"wrapped", fmt.Errorf("listen: %w", os.NewSyscallError("bind", syscall.EACCES)), syscall.EACCES},
		{"the first of several", errors.Join(errors.New("no luck"), syscall.EPIPE, syscall.EACCES), syscall.EPIPE},
	}
	for _, tt := range tests {
		if got := Of(tt.err); got != tt.want {
			t.Errorf("%s: got %d (%v), want %d (%v)", tt.name, got, got, tt.want, tt.want)
		}
	}
}

func TestPOSIXKeepsANumberThatHasAPOSIXName(t *testing.T) {
	for _, number := range []syscall.Errno{0, syscall.EACCES, syscall.EMFILE, syscall.ENETDOWN, syscall.ENETUNREACH,
		syscall.ENETRESET, syscall.ECONNABORTED, syscall.ECONNRESET, syscall.ENOBUFS, syscall.ENOTCONN, syscall.EPIPE,
		syscall.ETIMEDOUT, syscall.ECONNREFUSED, syscall.EHOSTDOWN, syscall.EHOSTUNREACH, syscall.EADDRINUSE} {
		if got := POSIX(number); got != number {
			t.Errorf("%v: got %v, want it as it is", number, got)
		}
	}
}

func TestClassify(t *testing.T) {
	for number, want := range map[syscall.Errno]Class{
		0: Other, syscall.EINVAL: Other,
		syscall.ECONNRESET: Reset, syscall.ECONNABORTED: Reset,
		syscall.EPIPE: Closed, syscall.ENOTCONN: Closed,
		syscall.ECONNREFUSED: Refused,
		syscall.ETIMEDOUT:    TimedOut, syscall.ENETRESET: TimedOut,
		syscall.ENETUNREACH: Unreachable, syscall.EHOSTUNREACH: Unreachable, syscall.ENETDOWN: Unreachable, syscall.EHOSTDOWN: Unreachable,
		syscall.EPROTO: Protocol, syscall.ENOPROTOOPT: Protocol,
		syscall.EMFILE: NoDescriptors, syscall.ENFILE: NoDescriptors,
		syscall.ENOBUFS: NoMemory, syscall.ENOMEM: NoMemory,
		syscall.EADDRNOTAVAIL: NoAddress, syscall.EADDRINUSE: NoAddress,
		syscall.EACCES: NotPermitted, syscall.EPERM: Filtered,
		syscall.EMSGSIZE: TooLong,
	} {
		if got := Classify(number); got != want {
			t.Errorf("%v: got class %d, want %d", number, got, want)
		}
	}
}
