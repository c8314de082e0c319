package echotest

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"testing"
	"time"
)

// BuffersWithoutLimit reads on while the client does not read. It stops at 256 MiB for
// each connection, to protect the test.
func BuffersWithoutLimit() Fault {
	return streamFault("buffers-without-limit", "reads on while the client does not read", func(ctx context.Context, c *net.TCPConn) {
		echoAhead(ctx, c, 256<<20, 0, func(written <-chan struct{}) { <-written })
	})
}

// DisconnectsSlowReader closes when a write takes more than 2 s.
func DisconnectsSlowReader() Fault {
	return streamFault("disconnects-slow-reader", "closes when a write takes more than 2 s", func(_ context.Context, c *net.TCPConn) {
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

// echoAhead echoes, but reads on while up to limit bytes are owed. It waits for delay
// before it writes a batch of chunks. At the client's FIN it calls wait with a channel
// that is closed when everything is written; when wait returns, it closes c.
func echoAhead(ctx context.Context, c *net.TCPConn, limit int, delay time.Duration, wait func(written <-chan struct{})) {
	q := newQueue(limit)
	written := make(chan struct{})
	go func() {
		defer close(written)
		defer q.close()
		q.writeTo(ctx, c, delay)
	}()
	q.readFrom(c)
	q.close()
	wait(written)
	c.Close()
	<-written
}

// queue holds chunks that are read and not yet written, up to a limit. An honest
// server has no queue: it reads only when no bytes are owed.
type queue struct {
	mu      sync.Mutex
	changed sync.Cond
	chunks  [][]byte
	size    int // bytes in chunks
	limit   int
	closed  bool
}

// newQueue returns an empty queue. One batch in addition to limit may be in a write.
func newQueue(limit int) *queue {
	q := &queue{limit: limit}
	q.changed.L = &q.mu
	return q
}

// push appends a copy of chunk. It blocks while the queue is full.
func (q *queue) push(chunk []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.size+len(chunk) > q.limit && !q.closed {
		q.changed.Wait()
	}
	q.chunks = append(q.chunks, slices.Clone(chunk))
	q.size += len(chunk)
	q.changed.Broadcast()
}

// popAll removes and returns all chunks. It blocks while there are none. It returns
// none if the queue is closed and empty.
func (q *queue) popAll() net.Buffers {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.chunks) == 0 && !q.closed {
		q.changed.Wait()
	}
	chunks := q.chunks
	q.chunks, q.size = nil, 0
	q.changed.Broadcast()
	return chunks
}

func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.changed.Broadcast()
}

// readFrom pushes what it reads, until the end of file; then it returns nil.
func (q *queue) readFrom(r io.Reader) error {
	chunk := make([]byte, 32<<10)
	for {
		n, err := r.Read(chunk)
		if n > 0 {
			q.push(chunk[:n])
		}
		if err != nil {
			return ignoreEOF(err)
		}
	}
}

// writeTo writes all chunks, each batch after a delay, until the queue is closed and
// empty.
func (q *queue) writeTo(ctx context.Context, w io.Writer, delay time.Duration) error {
	for {
		chunks := q.popAll()
		if len(chunks) == 0 {
			return nil
		}
		sleep(ctx, delay)
		if _, err := chunks.WriteTo(w); err != nil {
			return err
		}
	}
}
