//go:build !linux

package gonet

// canPass is whether a connection can be served without a buffer. Not here: it
// waits for memory.
const canPass = false

type (
	lent    struct{}
	passage struct{}
)

func (c *conn) pass() error { panic("gonet: a connection without a buffer") }
