package agent

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// A stamped datagram, in both directions. Numbers are big-endian. docs/agent.md has the
// meaning of each.
//
//	 0  the key of the run
//	26  the version of this format
//	27  0 from the client, 1 from the agent
//	28  0
//	32  the number of the datagram, from 1
//	40  when the agent received it, in Unix nanoseconds
//	48  when the agent sent it back
//	56  how far the clock of the agent's system was set since the agent was started
//	64  how many datagrams the agent has sent back, this one included
//	72  the rest is sent back as it is
const (
	stampVersion = 1

	versionAt  = keySize
	kindAt     = 27
	zeroAt     = 28
	seqAt      = 32
	receivedAt = 40
	answeredAt = 48
	steppedAt  = 56
	countAt    = 64

	// StampSize is the size in bytes of a stamped datagram without what the client adds.
	StampSize = 72
)

// The kinds of a stamped datagram.
const (
	fromClient byte = iota
	fromAgent
)

// stamp is what a stamped datagram says.
type stamp struct {
	seq                uint64
	received, answered int64 // Unix nanoseconds
	stepped            int64 // ns
	count              uint64
}

// put writes s to p, which has at least StampSize bytes and begins with the key.
func (s stamp) put(p []byte, kind byte) {
	p[versionAt], p[kindAt] = stampVersion, kind
	binary.BigEndian.PutUint32(p[zeroAt:], 0)
	binary.BigEndian.PutUint64(p[seqAt:], s.seq)
	binary.BigEndian.PutUint64(p[receivedAt:], uint64(s.received))
	binary.BigEndian.PutUint64(p[answeredAt:], uint64(s.answered))
	binary.BigEndian.PutUint64(p[steppedAt:], uint64(s.stepped))
	binary.BigEndian.PutUint64(p[countAt:], s.count)
}

var errNoStamp = errors.New("not a stamped datagram")

// parseStamp reads a stamped datagram of one kind, and returns its key too.
func parseStamp(p []byte, kind byte) (key string, s stamp, err error) {
	switch {
	case len(p) < StampSize:
		return "", s, fmt.Errorf("%w: %d bytes, want at least %d", errNoStamp, len(p), StampSize)
	case p[versionAt] != stampVersion:
		return "", s, fmt.Errorf("%w: version %d, want %d", errNoStamp, p[versionAt], stampVersion)
	case p[kindAt] != kind || binary.BigEndian.Uint32(p[zeroAt:]) != 0:
		return "", s, fmt.Errorf("%w: kind % x", errNoStamp, p[kindAt:seqAt])
	}
	s = stamp{
		seq:      binary.BigEndian.Uint64(p[seqAt:]),
		received: int64(binary.BigEndian.Uint64(p[receivedAt:])),
		answered: int64(binary.BigEndian.Uint64(p[answeredAt:])),
		stepped:  int64(binary.BigEndian.Uint64(p[steppedAt:])),
		count:    binary.BigEndian.Uint64(p[countAt:]),
	}
	if s.seq == 0 {
		return "", s, fmt.Errorf("%w: number 0", errNoStamp)
	}
	return string(p[:keySize]), s, nil
}
