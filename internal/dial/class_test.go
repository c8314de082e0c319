//go:build !windows

package dial

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
)

func TestClassify(t *testing.T) {
	call := func(name string, errno syscall.Errno) error {
		return &net.OpError{Op: name, Net: "tcp", Err: os.NewSyscallError(name, errno)}
	}
	handshake := func(err error) error { return fmt.Errorf("connect: %w", &HandshakeError{err}) }
	tests := []struct {
		name string
		err  error
		want Class
	}{
		{"no error", nil, ""},
		{"an end of file", io.EOF, PrematureEOF},
		{"an end of file inside a TLS record", io.ErrUnexpectedEOF, PrematureEOF},
		{"a reset while reading", call("read", syscall.ECONNRESET), Reset},
		{"a write after a reset", call("write", syscall.EPIPE), Reset},
		{"aborted", call("accept", syscall.ECONNABORTED), Reset},
		{"the connection has ended", call("shutdown", syscall.ENOTCONN), Reset},
		{"nothing listens", call("connect", syscall.ECONNREFUSED), Refused},
		{"no such socket file", call("connect", syscall.ENOENT), Refused},
		{"no route", call("connect", syscall.EHOSTUNREACH), Unreachable},
		{"no network", call("connect", syscall.ENETUNREACH), Unreachable},
		{"no descriptors", call("socket", syscall.EMFILE), Local},
		{"no local port is free", call("connect", syscall.EADDRNOTAVAIL), Local},
		{"the port space of the source address is used up", call("bind", syscall.EADDRINUSE), Local},
		{"no permission", call("connect", syscall.EACCES), Local},
		{"a datagram that is too long", call("write", syscall.EMSGSIZE), TooLong},
		{"the kernel gave up", call("connect", syscall.ETIMEDOUT), Timeout},
		{"keepalive found no peer", call("read", syscall.ENETRESET), Timeout},
		{"no memory", call("socket", syscall.ENOMEM), Local},
		{"our deadline", &net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}, Timeout},
		{"our context ended", fmt.Errorf("dial: %w", context.DeadlineExceeded), Timeout},
		{"an unknown name", &net.OpError{Op: "dial", Err: &net.DNSError{Name: "x", IsNotFound: true}}, DNS},
		{"a resolver that does not answer", &net.DNSError{Name: "x", IsTimeout: true}, DNS},
		{"a handshake that failed", handshake(errors.New("tls: bad certificate")), TLS},
		{"a reset in the handshake", handshake(call("read", syscall.ECONNRESET)), TLS},
		{"a handshake that took too long", handshake(context.DeadlineExceeded), Timeout},
		{"something else", errors.New("something else"), ""},
	}
	for _, tt := range tests {
		if got := Classify(tt.err); got != tt.want {
			t.Errorf("%s (%v): got %q, want %q", tt.name, tt.err, got, tt.want)
		}
	}
}

func TestUnreachableErrorNamesTheClassIfItIsKnown(t *testing.T) {
	reason := errors.New("reason")
	for class, want := range map[Class]string{
		"":      "tcp://127.0.0.1:7 cannot be reached: reason",
		Refused: "tcp://127.0.0.1:7 cannot be reached (refused): reason",
	} {
		err := &UnreachableError{Target: "tcp://127.0.0.1:7", Class: class, Err: reason}
		if err.Error() != want || !errors.Is(err, reason) {
			t.Errorf("class %q: got %q, want %q", class, err, want)
		}
	}
}
