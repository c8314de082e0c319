//go:build !linux

package gonet

// canPass tells that a connection can be served without a buffer. Not here:
// without one it is refused.
const canPass = false

type (
	lent    struct{}
	passage struct{}
)

func (c *conn) pass() error { panic("gonet: a connection without a buffer") }
