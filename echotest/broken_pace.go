package echotest

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

// BuffersUnbounded reads whatever comes. So that a test does not fall with it,
// it stops at 256 MiB a connection.
var BuffersUnbounded = Fault{
	Name:     "buffers-unbounded",
	Sentence: "goes on reading while the client reads nothing",
	stream: func() handler {
		return func(ctx context.Context, c *net.TCPConn) {
			readAhead(ctx, c, 256<<20, 0, func(written <-chan struct{}) { <-written })
		}
	},
}

// CutsSlowReader has a timeout for each write, as if that said anything about
// the client.
var CutsSlowReader = Fault{
	Name:     "cuts-slow-reader",
	Sentence: "closes when a write takes longer than two seconds",
	stream: func() handler {
		return func(_ context.Context, c *net.TCPConn) {
			echo(c, func(piece []byte) []byte {
				c.SetWriteDeadline(time.Now().Add(2 * time.Second))
				return piece
			})
		}
	},
}

// CutsStalled has a timeout for a client's window, too: one that pauses is gone.
var CutsStalled = Fault{
	Name:     "cuts-stalled",
	Sentence: "resets a client that takes nothing of what it is owed for six seconds",
	stream: func() handler {
		return func(_ context.Context, c *net.TCPConn) {
			piece := make([]byte, 32<<10)
			for {
				n, err := c.Read(piece)
				if err != nil {
					return
				}
				if !writeWhileTaken(c, piece[:n], 6*time.Second) {
					c.SetLinger(0)
					return
				}
			}
		}
	},
}

// writeWhileTaken gives up when not one byte has been taken for patience.
func writeWhileTaken(c *net.TCPConn, owed []byte, patience time.Duration) bool {
	for moved := time.Now(); len(owed) > 0; {
		c.SetWriteDeadline(time.Now().Add(patience / 8))
		n, err := c.Write(owed)
		if n > 0 {
			moved, owed = time.Now(), owed[n:]
		} else if err != nil && (!errors.Is(err, os.ErrDeadlineExceeded) || time.Since(moved) >= patience) {
			return false
		}
	}
	return true
}

// BlocksBehindStalled is a loop over blocking sockets: while it writes to one
// client, no other is written to.
var BlocksBehindStalled = Fault{
	Name:     "blocks-behind-stalled",
	Sentence: "makes every client wait for one that does not read",
	stream: func() handler {
		var loop sync.Mutex
		return func(_ context.Context, c *net.TCPConn) {
			piece := make([]byte, 32<<10)
			for {
				n, err := c.Read(piece)
				if err != nil {
					return
				}
				loop.Lock()
				_, err = c.Write(piece[:n])
				loop.Unlock()
				if err != nil {
					return
				}
			}
		}
	},
}

// OneAtATime accepts everybody and serves them one after another.
var OneAtATime = Fault{
	Name:     "one-at-a-time",
	Sentence: "serves the next client when the one before has gone",
	stream: func() handler {
		var turn sync.Mutex
		return func(_ context.Context, c *net.TCPConn) {
			turn.Lock()
			defer turn.Unlock()
			echo(c, unchanged)
			c.Close() // before the turn is over
		}
	},
}
