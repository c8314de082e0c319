package load

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
)

// content is what streams are made of: random bytes, repeated for ever. A stream
// begins somewhere in it and goes on from there, so that a byte that is lost,
// repeated, or another connection's is another byte. One block serves all: what
// is sent and what is expected are windows on it, and nothing is copied.
type content struct{ bytes []byte }

const (
	// period is a prime, so that no power of two that a buffer on the way may
	// have is a whole number of periods: a stream shifted by one would match.
	period = 1<<20 + 7
	// window is the longest piece that at gives.
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

// at is up to n bytes from position pos on; fewer if n is more than a window.
func (c *content) at(pos uint64, n int64) []byte {
	from := pos % period
	return c.bytes[from : from+uint64(min(n, window))]
}

// differ is the index of the first byte of got that is not the content at pos;
// -1 if there is none.
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

// beginning is where the stream of a connection begins in the content: life is
// which connection of its slot it is.
func beginning(seed uint64, conn, life int) uint64 {
	return rand.NewPCG(seed, uint64(conn)<<32|uint64(uint32(life))).Uint64() % period
}
