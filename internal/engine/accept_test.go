package engine

import (
	"syscall"
	"testing"
)

func TestAcceptGoesOnWhenOneConnectionIsLostAndRestsOnAShortage(t *testing.T) {
	tests := []struct {
		errno   syscall.Errno
		trouble AcceptTrouble
		rest    bool
	}{
		{syscall.ECONNABORTED, AcceptAborted, false},
		{syscall.EPROTO, AcceptAborted, false},
		{syscall.EPERM, AcceptAborted, false},
		{syscall.ENETDOWN, AcceptAborted, false},
		{syscall.ENETUNREACH, AcceptAborted, false},
		{syscall.EHOSTDOWN, AcceptAborted, false},
		{syscall.EHOSTUNREACH, AcceptAborted, false},
		{syscall.ENOPROTOOPT, AcceptAborted, false},
		{syscall.ETIMEDOUT, AcceptAborted, false},
		{syscall.EMFILE, AcceptNoDescriptors, true},
		{syscall.ENFILE, AcceptNoDescriptors, true},
		{syscall.ENOBUFS, AcceptNoMemory, true},
		{syscall.ENOMEM, AcceptNoMemory, true},
		{syscall.EINVAL, AcceptOther, true},
		{syscall.ENOSPC, AcceptOther, true},
		{syscall.EACCES, AcceptOther, true},
	}
	for _, tt := range tests {
		trouble, rest := ClassifyAccept(tt.errno)
		if trouble != tt.trouble || rest != tt.rest {
			t.Errorf("%v: got %v, rest %t; want %v, rest %t", tt.errno, trouble, rest, tt.trouble, tt.rest)
		}
	}
}

func TestEveryErrorOfAStreamHasItsCause(t *testing.T) {
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
