//go:build !unix

package gonet

import (
	"net"

	"echod/internal/sock"
)

// receiverOf is how c receives from its peer: here a socket cannot be tried
// without waiting.
func receiverOf(*conn) (from receiver, passes bool) { return blocking{}, false }

// triedOf is nil for the same reason.
func triedOf(net.Conn, sock.Calls) *tried { return nil }
