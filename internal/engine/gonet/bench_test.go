package gonet

import (
	"fmt"
	"io"
	"net"
	"sync"
	"testing"

	"echod/internal/engine"
)

// BenchmarkMessage is what a message of 64 bytes costs: on the loopback, and in
// our own books alone, where the kernel costs nothing.
func BenchmarkMessage(b *testing.B) {
	b.Run("loopback", func(b *testing.B) {
		conn := dial(b, serve(b, "tcp", engine.Config{}))
		message := make([]byte, 64)
		for b.Loop() {
			roundTrip(b, conn, message, message)
		}
	})
	for _, streams := range []int{1, 2} {
		b.Run(fmt.Sprintf("books, %d at once", streams), func(b *testing.B) {
			s := newServer(engine.Config{}.WithDefaults())
			var all sync.WaitGroup
			for range streams {
				c, _, _ := s.seat(&chatty{messages: b.N}, nil)
				all.Go(func() { c.echo() })
			}
			all.Wait()
		})
	}
}

// chatty is a peer that has sent so many messages already, and has room for all
// of the answers.
type chatty struct {
	net.Conn
	messages int
}

func (c *chatty) Read(p []byte) (int, error) {
	if c.messages == 0 {
		return 0, io.EOF
	}
	c.messages--
	return 64, nil
}

func (c *chatty) Write(p []byte) (int, error) { return len(p), nil }
func (c *chatty) RemoteAddr() net.Addr        { return &net.UnixAddr{} }
