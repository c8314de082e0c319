package echotest

import (
	"context"
	"errors"
	"net"
	"os"
	"slices"
	"time"
)

// DropsLastBytes drops the last bytes before the client's FIN. It holds each chunk
// for 50 ms, and drops it if the FIN comes in that time.
func DropsLastBytes() Fault {
	return streamFault("drops-last-bytes", "drops the last bytes before the client's FIN", func(_ context.Context, c *net.TCPConn) {
		var held []byte
		chunk := make([]byte, 32<<10)
		for {
			c.SetReadDeadline(time.Time{})
			if held != nil {
				c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
			}
			n, err := c.Read(chunk)
			if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
				return
			}
			if _, err := c.Write(held); err != nil {
				return
			}
			held = nil
			if n > 0 {
				held = slices.Clone(chunk[:n])
			}
		}
	})
}

// ClosesOnFIN closes at the client's FIN and drops what it has not sent yet.
func ClosesOnFIN() Fault {
	return streamFault("closes-on-fin", "closes at the client's FIN and drops what it has not sent yet",
		func(_ context.Context, c *net.TCPConn) {
			echoAhead(c, 1<<20, 50*time.Millisecond, func(<-chan struct{}) {})
		})
}

// ClosesSoonAfterFIN closes 250 ms after the client's FIN and drops what it has not
// sent yet. The default of socat is similar.
func ClosesSoonAfterFIN() Fault {
	return streamFault("closes-soon-after-fin", "closes 250 ms after the client's FIN and drops what it has not sent yet",
		func(_ context.Context, c *net.TCPConn) {
			c.SetWriteBuffer(16 << 10) // the kernel sends what is in its buffer even after a close
			echoAhead(c, 1<<20, 0, func(written <-chan struct{}) {
				select {
				case <-written:
				case <-time.After(250 * time.Millisecond):
				}
			})
		})
}

// ResetsOnFIN answers the client's FIN with a reset.
func ResetsOnFIN() Fault {
	return streamFault("resets-on-fin", "answers the client's FIN with a reset", func(_ context.Context, c *net.TCPConn) {
		echo(c, unchanged)
		c.SetLinger(0)
	})
}

// IgnoresEmptyStream ignores the FIN of a client that has sent no bytes.
func IgnoresEmptyStream() Fault {
	return streamFault("ignores-empty-stream", "ignores the FIN of a client that has sent no bytes", func(ctx context.Context, c *net.TCPConn) {
		empty := true
		err := echo(c, func(chunk []byte) []byte {
			empty = false
			return chunk
		})
		if empty && err == nil {
			<-ctx.Done()
		}
	})
}

// ClosesAfterFirstAnswer closes 800 ms after its first answer if the client sends
// nothing more.
func ClosesAfterFirstAnswer() Fault {
	return streamFault("closes-after-first-answer", "closes 800 ms after its first answer if the client sends nothing more",
		func(_ context.Context, c *net.TCPConn) {
			chunk := make([]byte, 32<<10)
			n, err := c.Read(chunk)
			if err != nil {
				return
			}
			if _, err := c.Write(chunk[:n]); err != nil {
				return
			}
			// The deadline can pass before a busy machine reads what has arrived in time.
			for _, wait := range []time.Duration{800 * time.Millisecond, 10 * time.Millisecond} {
				c.SetReadDeadline(time.Now().Add(wait))
				if n, err = c.Read(chunk); !errors.Is(err, os.ErrDeadlineExceeded) {
					break
				}
			}
			c.SetReadDeadline(time.Time{})
			if _, failed := c.Write(chunk[:n]); err == nil && failed == nil {
				echo(c, unchanged)
			}
		})
}

// ClosesLate closes 1.5 s after the client's FIN.
func ClosesLate() Fault {
	return streamFault("closes-late", "closes 1.5 s after the client's FIN", func(ctx context.Context, c *net.TCPConn) {
		if echo(c, unchanged) == nil {
			sleep(ctx, 1500*time.Millisecond)
		}
	})
}
