package agent

import (
	"context"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"

	"echod/internal/accept"
)

// failingListener fails once with every error number that there is, and then accepts
// what is put into conns.
type failingListener struct {
	net.Listener
	next  syscall.Errno
	conns chan net.Conn
}

func (l *failingListener) Accept() (net.Conn, error) {
	if l.next++; l.next < 134 {
		return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", l.next)}
	}
	conn, ok := <-l.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return conn, nil
}

func (l *failingListener) Addr() net.Addr { return &net.TCPAddr{} }
func (l *failingListener) Close() error   { close(l.conns); return nil }

func TestNoErrorOfAcceptEndsTheAgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		ln := &failingListener{conns: make(chan net.Conn)}
		server := new(Server)
		ended := make(chan error, 1)
		go func() { ended <- server.Serve(ctx, ln) }()
		client, far := net.Pipe()
		ln.conns <- far // it is accepted after every error
		client.Close()
		if snap := server.Snapshot(); snap.Accepts[accept.NoDescriptors] != 2 || snap.Accepts[accept.Aborted] == 0 {
			t.Errorf("counted: got %v, want EMFILE and ENFILE, and lost callers", snap.Accepts)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("at the end: got %v, want nil", err)
		}
	})
}
