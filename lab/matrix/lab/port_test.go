package lab

import (
	"errors"
	"net"
	"syscall"
	"testing"
)

// TestReservedPortIsRefusedUntilAProgramListens uses a Go listener, which sets SO_REUSEADDR
// as the programs do.
func TestReservedPortIsRefusedUntilAProgramListens(t *testing.T) {
	p, err := reserve()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.release)
	if _, err := net.Dial("tcp", Local(p.number)); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Fatalf("nobody listens: got %v, want %v", err, syscall.ECONNREFUSED)
	}
	l, err := net.Listen("tcp", Local(p.number))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	conn, err := net.Dial("tcp", Local(p.number))
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
}

func TestClosedPortCannotBeUsed(t *testing.T) {
	p, err := reserveClosed()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.release)
	if _, err := net.Dial("tcp", Local(p.number)); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("connect: got %v, want %v", err, syscall.ECONNREFUSED)
	}
	if l, err := net.Listen("tcp", Local(p.number)); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("listen: got %v, want %v", err, syscall.EADDRINUSE)
		if err == nil {
			l.Close()
		}
	}
}
