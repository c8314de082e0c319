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

// A probe begins with its sequence number (8 bytes, big-endian), the time of sending (8
// bytes, Unix nanoseconds) and a tag (16 bytes). The tag is the first half of the
// HMAC-SHA256 of both (RFC 2104, section 5), with a key that only this run has. So
// nobody can answer a probe that they have not seen. The rest is random and generated
// from the whole HMAC, so no two probes are equal: services that look for loops find
// none.
const (
	tagAt      = 16
	headerSize = 32
)

// payloads makes the bytes of probes and recognizes them in answers. It is for one
// goroutine at a time.
type payloads struct {
	size int
	key  []byte
	mac  hash.Hash
	sum  [sha256.Size]byte

	last      []byte // the last probe
	lastSeq   uint64 // its sequence number, 0 if there is none
	lastStamp int64
}

func newPayloads(size int) *payloads {
	var key [sha256.Size]byte
	rand.Read(key[:]) // never fails
	return payloadsOf(size, key[:])
}

func payloadsOf(size int, key []byte) *payloads {
	return &payloads{size: size, key: key, mac: hmac.New(sha256.New, key), last: make([]byte, size)}
}

// clone returns payloads of the same run for another goroutine.
func (s *payloads) clone() *payloads { return payloadsOf(s.size, s.key) }

// probe returns the bytes of a probe. They are valid until the next call.
func (s *payloads) probe(seq uint64, stamp int64) []byte {
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

// sign returns the tag of a probe with the sequence number and the time of p.
func (s *payloads) sign(p []byte) []byte {
	s.mac.Reset()
	s.mac.Write(p[:tagAt])
	s.mac.Sum(s.sum[:0])
	return s.sum[:headerSize-tagAt]
}

// parse reports whether p begins like a probe of this run, and which one.
func (s *payloads) parse(p []byte) (seq uint64, stamp int64, ok bool) {
	if len(p) < headerSize || !hmac.Equal(s.sign(p), p[tagAt:headerSize]) {
		return 0, 0, false
	}
	return binary.BigEndian.Uint64(p), int64(binary.BigEndian.Uint64(p[8:])), true
}

// compareWhole compares got with a probe.
func (s *payloads) compareWhole(got []byte, seq uint64, stamp int64) *WrongError {
	wrong := s.compare(got, seq, stamp, 0)
	if n := len(got); wrong == nil && n < s.size {
		wrong = &WrongError{n, excerpt(nil), excerpt(s.probe(seq, stamp)[n:])}
	}
	return wrong
}

// compare compares got with a part of a probe, which begins at offset.
func (s *payloads) compare(got []byte, seq uint64, stamp int64, offset int) *WrongError {
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

// excerpt returns the first bytes of b in hexadecimal.
func excerpt(b []byte) string {
	const few = 8
	if len(b) == 0 {
		return "nothing"
	}
	return fmt.Sprintf("% x", b[:min(len(b), few)])
}
