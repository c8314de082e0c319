package gonet

import (
	"io"

	"echod/internal/echo"
	"echod/internal/engine"
)

// echo gives the peer back what it sends until the stream ends, and tells why
// it did. The stream keeps the books and says what comes next; Read and Write
// wait, and while they wait the goroutine sleeps.
func (c *conn) echo() engine.Cause {
	for {
		var err error
		switch c.stream.Next() {
		case echo.Read:
			err = c.read()
		case echo.Write:
			err = c.write()
		case echo.Finish:
			return engine.Finished
		}
		if cause, over := c.judge(err); over {
			return cause
		}
	}
}

// read takes what has arrived, at most a buffer full. Nothing is owed now.
// Without memory for a buffer, bytes are passed on without one, or they wait in
// the kernel until there is memory.
func (c *conn) read() error {
	n, err := c.from.receive(c)
	if err == errNoMemory {
		if c.passes {
			return c.pass()
		}
		_, blind := c.from.(blocking)
		return c.awaitMemory(!blind, nil)
	}
	if n > 0 {
		c.received(n)
	}
	return c.ended(err)
}

// ended notes the end of what the peer sends, which is no error. It may still
// be reading.
func (c *conn) ended(err error) error {
	if err == io.EOF {
		c.stream.EOF()
		return nil
	}
	return err
}

// write sends back what is owed. While the peer does not take it, nothing more
// is read, so the peer's own window fills and it has to stop sending: that is
// all there is to backpressure.
func (c *conn) write() error {
	n, err := c.peer.Write(c.buf.Owed)
	c.sent(n)
	return err
}
