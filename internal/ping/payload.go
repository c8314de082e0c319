package ping

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	rand8 "math/rand/v2"
)

// Each probe begins with its sequence number (8 bytes, big-endian), the time of
// sending (8, Unix nanoseconds) and a tag (16): HMAC-SHA256 over both, cut to
// half (RFC 2104, section 5), under a key that only this process has. So nobody
// who has not seen a probe can answer it, and who has can only repeat it. What
// follows is random and drawn from the whole HMAC, which differs from probe to
// probe: services that look for loops see none.
const (
	tagAt      = 16
	headerSize = 32
)

// session writes probes and knows them again. It is for one goroutine at a time.
type session struct {
	size int
	mac  hash.Hash
	sum  [sha256.Size]byte

	last      []byte // the probe written last
	lastSeq   uint64 // whose number is this one, 0 if there is none
	lastStamp int64
}

func newSession(size int) *session {
	var key [sha256.Size]byte
	rand.Read(key[:]) // never fails
	return &session{size: size, mac: hmac.New(sha256.New, key[:]), last: make([]byte, size)}
}

// probe is the bytes of one, sent at that time, valid until the next call.
func (s *session) probe(seq uint64, stamp int64) []byte {
	p := s.last
	if seq == s.lastSeq && stamp == s.lastStamp {
		return p
	}
	s.lastSeq, s.lastStamp = seq, stamp
	binary.BigEndian.PutUint64(p, seq)
	binary.BigEndian.PutUint64(p[8:], uint64(stamp))
	copy(p[tagAt:headerSize], s.sign(p))
	rand8.NewChaCha8(s.sum).Read(p[headerSize:])
	return p
}

// sign is the tag of a probe that begins like that.
func (s *session) sign(p []byte) []byte {
	s.mac.Reset()
	s.mac.Write(p[:tagAt])
	s.mac.Sum(s.sum[:0])
	return s.sum[:headerSize-tagAt]
}

// read reports whether p begins like a probe of this session, and which.
func (s *session) read(p []byte) (seq uint64, stamp int64, ok bool) {
	if len(p) < headerSize || !hmac.Equal(s.sign(p), p[tagAt:headerSize]) {
		return 0, 0, false
	}
	return binary.BigEndian.Uint64(p), int64(binary.BigEndian.Uint64(p[8:])), true
}

// compareWhole holds got against a probe.
func (s *session) compareWhole(got []byte, seq uint64, stamp int64) *WrongError {
	wrong := s.compare(got, seq, stamp, 0)
	if n := len(got); wrong == nil && n < s.size {
		wrong = &WrongError{n, excerpt(nil), excerpt(s.probe(seq, stamp)[n:])}
	}
	return wrong
}

// compare holds got against a part of a probe, from offset on.
func (s *session) compare(got []byte, seq uint64, stamp int64, offset int) *WrongError {
	want := s.probe(seq, stamp)[offset:]
	for i, b := range got {
		if i == len(want) {
			return &WrongError{offset + i, excerpt(got[i:]), "nothing more"}
		}
		if b != want[i] {
			return &WrongError{offset + i, excerpt(got[i:]), excerpt(want[i:])}
		}
	}
	return nil
}

// excerpt shows the first bytes of b.
func excerpt(b []byte) string {
	const few = 8
	if len(b) == 0 {
		return "nothing"
	}
	return fmt.Sprintf("% x", b[:min(len(b), few)])
}
