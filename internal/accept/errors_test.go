package accept

import (
	"syscall"
	"testing"
)

func TestClassifyPausesForAShortageAndNotForOneLostConnection(t *testing.T) {
	tests := []struct {
		errno  syscall.Errno
		reason Reason
		pause  bool
	}{
		{syscall.ECONNABORTED, Aborted, false},
		{syscall.EPROTO, Aborted, false},
		{syscall.EPERM, Aborted, false},
		{syscall.ENETDOWN, Aborted, false},
		{syscall.ENETUNREACH, Aborted, false},
		{syscall.EHOSTDOWN, Aborted, false},
		{syscall.EHOSTUNREACH, Aborted, false},
		{syscall.ENOPROTOOPT, Aborted, false},
		{syscall.ETIMEDOUT, Aborted, false},
		{syscall.EMFILE, NoDescriptors, true},
		{syscall.ENFILE, NoDescriptors, true},
		{syscall.ENOBUFS, NoMemory, true},
		{syscall.ENOMEM, NoMemory, true},
		{syscall.EINVAL, Other, true},
		{syscall.ENOSPC, Other, true},
		{syscall.EACCES, Other, true},
	}
	for _, tt := range tests {
		reason, pause := Classify(tt.errno)
		if reason != tt.reason || pause != tt.pause {
			t.Errorf("%v: got %v, pause %t; want %v, pause %t", tt.errno, reason, pause, tt.reason, tt.pause)
		}
	}
}
