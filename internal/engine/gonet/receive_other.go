//go:build !unix

package gonet

import "net"

// receiverOf is how c receives from its peer: here a socket cannot be tried
// without waiting.
func receiverOf(*conn) (from receiver, passes bool) { return blocking{}, false }

// triedOf is nil for the same reason.
func triedOf(net.Conn) *tried { return nil }
