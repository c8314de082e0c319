package echotest

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"time"
)

// onlyEOF is nil for the client's FIN.
func onlyEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// LosesTail waits a moment after each piece for more to send along with it, and
// forgets the piece if the end comes instead.
var LosesTail = Fault{
	Name:     "loses-tail",
	Sentence: "loses the last bytes before the client's FIN",
	stream:   func() handler { return losesTail },
}

func losesTail(_ context.Context, c *net.TCPConn) {
	var held []byte
	piece := make([]byte, 32<<10)
	for {
		c.SetReadDeadline(time.Time{})
		if held != nil {
			c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		}
		n, err := c.Read(piece)
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return
		}
		if _, err := c.Write(held); err != nil {
			return
		}
		held = nil
		if n > 0 {
			held = slices.Clone(piece[:n])
		}
	}
}

// ClosesAtFin takes the client's FIN for the end of both directions.
var ClosesAtFin = Fault{
	Name:     "closes-at-fin",
	Sentence: "closes at once on the client's FIN, whatever is still to be sent",
	stream: func() handler {
		return func(ctx context.Context, c *net.TCPConn) {
			readAhead(ctx, c, 1<<20, 50*time.Millisecond, func(<-chan struct{}) {})
		}
	},
}

// ShortGrace does as ClosesAtFin, but a little later, as socat does by default.
var ShortGrace = Fault{
	Name:     "short-grace",
	Sentence: "closes a quarter of a second after the client's FIN, whatever is still to be sent",
	stream: func() handler {
		return func(ctx context.Context, c *net.TCPConn) {
			c.SetWriteBuffer(16 << 10) // what the kernel holds is sent even after closing
			readAhead(ctx, c, 1<<20, 0, func(written <-chan struct{}) {
				select {
				case <-written:
				case <-time.After(250 * time.Millisecond):
				}
			})
		}
	},
}

// ResetsForFin ends in a reset where a FIN is due.
var ResetsForFin = Fault{
	Name:     "resets-for-fin",
	Sentence: "answers the client's FIN with a reset",
	stream: func() handler {
		return func(_ context.Context, c *net.TCPConn) {
			echo(c, unchanged)
			c.SetLinger(0)
		}
	},
}

// IgnoresEmpty never ends a stream on which nothing came.
var IgnoresEmpty = Fault{
	Name:     "ignores-empty",
	Sentence: "does not notice the end of a stream that carried nothing",
	stream: func() handler {
		return func(ctx context.Context, c *net.TCPConn) {
			empty := true
			err := echo(c, func(piece []byte) []byte {
				empty = false
				return piece
			})
			if empty && err == nil {
				<-ctx.Done()
			}
		}
	},
}

// ClosesFirst thinks that one answer is all that a client wants, unless it asks
// for more at once.
var ClosesFirst = Fault{
	Name:     "closes-first",
	Sentence: "ends the stream half a second after its first answer, if nothing more comes",
	stream: func() handler {
		return func(_ context.Context, c *net.TCPConn) {
			piece := make([]byte, 32<<10)
			n, err := c.Read(piece)
			if err != nil {
				return
			}
			if _, err := c.Write(piece[:n]); err != nil {
				return
			}
			c.SetReadDeadline(time.Now().Add(500 * time.Millisecond))
			echo(c, func(piece []byte) []byte {
				c.SetReadDeadline(time.Time{})
				return piece
			})
		}
	},
}

// Lingers is in no hurry to close.
var Lingers = Fault{
	Name:     "lingers",
	Sentence: "closes one and a half seconds after the client's FIN",
	stream: func() handler {
		return func(ctx context.Context, c *net.TCPConn) {
			if echo(c, unchanged) == nil {
				sleep(ctx, 1500*time.Millisecond)
			}
		}
	},
}
