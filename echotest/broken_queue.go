package echotest

import (
	"context"
	"io"
	"net"
	"slices"
	"sync"
	"time"
)

// queue holds what was read and not yet written, up to a limit. An honest
// server has none: it reads only when nothing is owed.
type queue struct {
	mu      sync.Mutex
	changed sync.Cond
	pieces  [][]byte
	held    int
	limit   int
	closed  bool
}

// newQueue returns an empty queue. One batch more than limit may be on its way.
func newQueue(limit int) *queue {
	q := &queue{limit: limit}
	q.changed.L = &q.mu
	return q
}

// put keeps a copy of piece, once there is room for it.
func (q *queue) put(piece []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.held+len(piece) > q.limit && !q.closed {
		q.changed.Wait()
	}
	q.pieces = append(q.pieces, slices.Clone(piece))
	q.held += len(piece)
	q.changed.Broadcast()
}

// take waits for pieces and returns all there are; none: the queue is closed and
// empty.
func (q *queue) take() net.Buffers {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.pieces) == 0 && !q.closed {
		q.changed.Wait()
	}
	pieces := q.pieces
	q.pieces, q.held = nil, 0
	q.changed.Broadcast()
	return pieces
}

func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.changed.Broadcast()
}

// readAhead echoes, but reads on while bytes are owed, as many as limit. Each
// batch of answers takes delay to set out. When the client has ended the stream,
// it calls patience with a channel that is closed once all is written, and
// closes the connection when that returns.
func readAhead(ctx context.Context, c *net.TCPConn, limit int, delay time.Duration, patience func(written <-chan struct{})) {
	q := newQueue(limit)
	written := make(chan struct{})
	go func() {
		defer close(written)
		defer q.close()
		writeFrom(ctx, q, c, delay)
	}()
	readInto(q, c)
	q.close()
	patience(written)
	c.Close()
	<-written
}

// readInto queues what is read from c, until c ends in order: then it returns
// nil.
func readInto(q *queue, c io.Reader) error {
	piece := make([]byte, 32<<10)
	for {
		n, err := c.Read(piece)
		if n > 0 {
			q.put(piece[:n])
		}
		if err != nil {
			return onlyEOF(err)
		}
	}
}

// writeFrom writes to c what is queued, until the queue is closed and empty.
func writeFrom(ctx context.Context, q *queue, c io.Writer, delay time.Duration) error {
	for {
		pieces := q.take()
		if len(pieces) == 0 {
			return nil
		}
		sleep(ctx, delay)
		if _, err := pieces.WriteTo(c); err != nil {
			return err
		}
	}
}
