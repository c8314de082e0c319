package echotest

import (
	"context"
	"net"
	"slices"
)

// sound is how many bytes of a stream come back right before one does not.
// soundLong is more than the buffers of two kernels hold.
const (
	sound     = 5000
	soundLong = 40 << 20
)

// SwapsBytes changes the order of two bytes.
var SwapsBytes = Fault{
	Name:     "swaps-bytes",
	Sentence: "swaps two bytes once 5000 have passed",
	stream: damaged(sound, func(piece []byte, at int) ([]byte, bool) {
		for i := at; i+1 < len(piece); i++ {
			if piece[i] != piece[i+1] {
				piece[i], piece[i+1] = piece[i+1], piece[i]
				return piece, true
			}
		}
		return piece, false
	}),
}

// DropsByte loses one byte.
var DropsByte = Fault{
	Name:     "drops-byte",
	Sentence: "drops the byte at offset 5000",
	stream: damaged(sound, func(piece []byte, at int) ([]byte, bool) {
		return slices.Delete(piece, at, at+1), true
	}),
}

// AddsByte makes one byte up.
var AddsByte = Fault{
	Name:     "adds-byte",
	Sentence: "puts a byte in at offset 5000",
	stream: damaged(sound, func(piece []byte, at int) ([]byte, bool) {
		return slices.Insert(piece, at, piece[at]^0x55), true
	}),
}

// ChangesLateByte is right for as long as most tests look.
var ChangesLateByte = Fault{
	Name:     "changes-late-byte",
	Sentence: "changes the byte at offset 40 MiB",
	stream: damaged(soundLong, func(piece []byte, at int) ([]byte, bool) {
		piece[at] ^= 0x04
		return piece, true
	}),
}

// damaged is a server that applies damage to each stream once: to the piece
// that holds the byte at offset sound, which is piece[at], or to the first one
// after it that damage can do its work on.
func damaged(sound int, damage func(piece []byte, at int) (damaged []byte, ok bool)) func() handler {
	return func() handler {
		return func(_ context.Context, c *net.TCPConn) {
			passed, done := 0, false
			echo(c, func(piece []byte) []byte {
				at := max(sound-passed, 0)
				passed += len(piece)
				if !done && at < len(piece) {
					piece, done = damage(piece, at)
				}
				return piece
			})
		}
	}
}
