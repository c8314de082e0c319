package echotest

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"testing"
	"time"
)

// BuffersWithoutLimit reads on while the client does not read. It stops at 256 MiB for
// each connection, to protect the test.
func BuffersWithoutLimit() Fault {
	return streamFault("buffers-without-limit", "reads on while the client does not read", func(_ context.Context, c *net.TCPConn) {
		echoAhead(c, 256<<20, 0, func(written <-chan struct{}) { <-written })
	})
}

// smallBuffer is the send buffer of servers that a write blocks. That of the kernel depends on
// the size of segments: on loopback it holds megabytes, and on Ethernet about this much until
// the path is known to be fast (tcp_sndbuf_expand in the kernel's tcp_input.c).
const smallBuffer = 64 << 10

// DisconnectsSlowReader closes when a write takes more than 2 s.
func DisconnectsSlowReader() Fault {
	return streamFault("disconnects-slow-reader", "closes when a write takes more than 2 s", func(_ context.Context, c *net.TCPConn) {
		c.SetWriteBuffer(smallBuffer)
		echo(c, func(chunk []byte) []byte {
			c.SetWriteDeadline(time.Now().Add(2 * time.Second))
			return chunk
		})
	})
}

// ResetsStalledReader resets a client that receives nothing of its owed bytes for 6 s.
func ResetsStalledReader() Fault {
	return streamFault("resets-stalled-reader", "resets a client that receives nothing of its owed bytes for 6 s",
		func(_ context.Context, c *net.TCPConn) {
			c.SetWriteBuffer(smallBuffer)
			chunk := make([]byte, 32<<10)
			for {
				n, err := c.Read(chunk)
				if err != nil {
					return
				}
				if !writeUnlessStalled(c, chunk[:n], 6*time.Second) {
					c.SetLinger(0)
					return
				}
			}
		})
}

// writeUnlessStalled returns false when no byte was written for stallTimeout.
func writeUnlessStalled(c *net.TCPConn, owed []byte, stallTimeout time.Duration) bool {
	for progress := time.Now(); len(owed) > 0; {
		c.SetWriteDeadline(time.Now().Add(stallTimeout / 8))
		n, err := c.Write(owed)
		if n > 0 {
			progress, owed = time.Now(), owed[n:]
		} else if err != nil && (!errors.Is(err, os.ErrDeadlineExceeded) || time.Since(progress) >= stallTimeout) {
			return false
		}
	}
	return true
}

// BlocksBehindStalledReader writes to no client while the write to another one blocks.
func BlocksBehindStalledReader() Fault {
	start := func(t testing.TB) *Server {
		var writing sync.Mutex
		return startStreams(t, func(_ context.Context, c *net.TCPConn) {
			c.SetWriteBuffer(smallBuffer)
			chunk := make([]byte, 32<<10)
			for {
				n, err := c.Read(chunk)
				if err != nil {
					return
				}
				writing.Lock()
				_, err = c.Write(chunk[:n])
				writing.Unlock()
				if err != nil {
					return
				}
			}
		})
	}
	return Fault{Name: "blocks-behind-stalled-reader", Description: "writes to no client while the write to another one blocks", Network: "tcp", start: start}
}

// ServesOneAtATime accepts every client, but serves each only after the one before has
// left.
func ServesOneAtATime() Fault {
	start := func(t testing.TB) *Server {
		var serving sync.Mutex
		return startStreams(t, func(_ context.Context, c *net.TCPConn) {
			serving.Lock()
			defer serving.Unlock()
			echo(c, unchanged)
			c.Close() // before the next client is served
		})
	}
	return Fault{Name: "serves-one-at-a-time", Description: "accepts every client, but serves each only after the one before has left", Network: "tcp", start: start}
}

// echoAhead echoes, but reads on while up to limit bytes are owed. It holds each chunk
// for delay. At the client's FIN it calls wait with a channel that is closed when
// everything is written; when wait returns, it closes c.
func echoAhead(c *net.TCPConn, limit int, delay time.Duration, wait func(written <-chan struct{})) {
	owed := newPipe(Way{Window: limit, Delay: delay}, limit, new(pacer))
	written := make(chan struct{})
	go func() {
		defer close(written)
		owed.run(func(p queued) error {
			_, err := c.Write(p.data)
			return err
		})
	}()
	chunk := make([]byte, 32<<10)
	for open := true; open; {
		n, err := c.Read(chunk)
		open = err == nil && owed.push(chunk[:n], 0)
	}
	owed.end()
	wait(written)
	owed.stop()
	c.Close()
	<-written
}
