package engine

import (
	"syscall"
	"testing"
)

func TestClassifyEndReturnsTheCauseOfEachErrno(t *testing.T) {
	tests := []struct {
		errno syscall.Errno
		want  Cause
	}{
		{syscall.ECONNRESET, PeerReset},
		{syscall.EPIPE, PeerReset},
		{syscall.ECONNABORTED, PeerReset},
		{syscall.ENOTCONN, PeerReset},
		{syscall.ETIMEDOUT, PeerLost},
		{syscall.EHOSTUNREACH, PeerLost},
		{syscall.ENETUNREACH, PeerLost},
		{syscall.ENETDOWN, PeerLost},
		{syscall.ECONNREFUSED, PeerLost},
		{syscall.ENOMEM, Broken},
		{syscall.ENOBUFS, Broken},
		{syscall.EBADF, Broken},
		{syscall.EINVAL, Broken},
	}
	for _, tt := range tests {
		if got := ClassifyEnd(tt.errno); got != tt.want {
			t.Errorf("%v: got %v, want %v", tt.errno, got, tt.want)
		}
	}
}
