// Package dialtest has connections for tests of clients.
package dialtest

import (
	"io"
	"net"
	"sync"
	"syscall"
	"time"
)

// resetConn is a connection whose reset a write gets.
type resetConn struct {
	net.Conn // one end of a pipe, for deadlines and addresses
	once     sync.Once
	writing  chan struct{} // closed when the first write begins
}

// NewResetConn returns a connection on which a write gets ECONNRESET after 10 ms, and a read, while the
// first write is in progress, an end of file: so the kernel reports a reset that comes during a write.
func NewResetConn() net.Conn {
	end, _ := net.Pipe()
	return &resetConn{Conn: end, writing: make(chan struct{})}
}

func (c *resetConn) Read([]byte) (int, error) {
	<-c.writing
	return 0, io.EOF
}

func (c *resetConn) Write([]byte) (int, error) {
	c.once.Do(func() { close(c.writing) })
	time.Sleep(10 * time.Millisecond)
	return 0, syscall.ECONNRESET
}

func (c *resetConn) Close() error { return nil }
