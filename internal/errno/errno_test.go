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

func TestOfFindsTheNumberHoweverDeepItIs(t *testing.T) {
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

// What has a POSIX name keeps it, on every system.
func TestPOSIXNamesStay(t *testing.T) {
	for _, number := range []syscall.Errno{0, syscall.EACCES, syscall.EMFILE, syscall.ENETDOWN, syscall.ENETUNREACH,
		syscall.ENETRESET, syscall.ECONNABORTED, syscall.ECONNRESET, syscall.ENOBUFS, syscall.ENOTCONN, syscall.EPIPE,
		syscall.ETIMEDOUT, syscall.ECONNREFUSED, syscall.EHOSTDOWN, syscall.EHOSTUNREACH, syscall.EADDRINUSE} {
		if got := POSIX(number); got != number {
			t.Errorf("%v: got %v, want it as it is", number, got)
		}
	}
}
