package load

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
)

// content is the bytes that all messages are made of: a block of random bytes,
// repeated without end. Each stream starts at its own position and continues from
// there, so a byte that is lost, repeated, or from another connection is a wrong
// byte. All streams share the block: what is sent and what is expected are slices
// of it, and nothing is copied.
type content struct{ bytes []byte }

const (
	// period is the size of the block. It is a prime, so it is no multiple of a
	// buffer size on the path: a stream that is shifted by one buffer differs.
	period = 1<<20 + 7
	// window is the longest slice that at returns.
	window = 256 << 10
)

func newContent(seed uint64) *content {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	c := &content{make([]byte, period+window)}
	rand.NewChaCha8(key).Read(c.bytes[:period])
	copy(c.bytes[period:], c.bytes)
	return c
}

// at returns the n bytes at position pos, or the first window of them.
func (c *content) at(pos uint64, n int64) []byte {
	from := pos % period
	return c.bytes[from : from+uint64(min(n, window))]
}

// differ returns the index of the first byte of got that differs from the content
// at pos; -1 if there is none.
func (c *content) differ(pos uint64, got []byte) int {
	for done := 0; done < len(got); {
		want := c.at(pos+uint64(done), int64(len(got)-done))
		piece := got[done : done+len(want)]
		if !bytes.Equal(piece, want) {
			for i := range piece {
				if piece[i] != want[i] {
					return done + i
				}
			}
		}
		done += len(want)
	}
	return -1
}

// startOf returns the position at which the stream of a connection starts. number
// says which connection of its slot it is.
func startOf(seed uint64, slot, number int) uint64 {
	return rand.NewPCG(seed, uint64(slot)<<32|uint64(uint32(number))).Uint64() % period
}
