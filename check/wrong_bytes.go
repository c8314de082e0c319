package check

import (
	"bytes"
	"fmt"
	"io"
	"math/bits"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// This file finds out which kind of wrong bytes a stream has: bytes that something
// converts, bytes that belong elsewhere, or bytes that were never sent.

// maxEvidence is how many bytes are read after a wrong byte, to find where the received
// bytes belong, and evidenceTime how long that may take.
const (
	maxEvidence  = 256 << 10
	evidenceTime = 300 * time.Millisecond
)

// readEvidence returns got, which starts at a wrong byte, and what arrives after it.
func (s *stream) readEvidence(got []byte) []byte {
	s.SetReadDeadline(time.Now().Add(evidenceTime))
	all := bytes.Clone(got)
	for buf := make([]byte, 32<<10); len(all) < maxEvidence; {
		n, err := s.Read(buf)
		all = append(all, buf[:n]...)
		if err != nil {
			break
		}
	}
	return all
}

// locate finds out what is wrong with the bytes of f: whether something converts them,
// whether they belong elsewhere in the stream of their connection or in that of another
// one, or what has damaged them. It changes the class, the detail and the evidence of f.
func (p *probe) locate(f *failure) {
	if f.class != Corrupt && f.class != ExtraBytes || len(f.received) < shiftLen || len(f.due) < shiftLen {
		return
	}
	due := f.due
	own := p.findStream(due[:shiftLen], f.offset)
	if own >= 0 { // else it is not a payload, e.g. an opening of stream/binary-exact
		stream := p.payload(own)
		io.CopyN(io.Discard, stream, f.offset)
		due = nextBytes(stream, len(f.received)+excerptLen)
	}
	kind, found := conversion(f.received, due)
	if kind == "" && own >= 0 {
		kind, found = p.belongs(f, own, due)
	}
	if kind == "" {
		kind, found = damage(f.received, due, f.offset)
	}
	if kind == "" {
		return
	}
	f.evidence, f.class = kind, Corrupt
	if kind == Added {
		f.class = ExtraBytes
	}
	if name, ok := strings.CutSuffix(f.detail, f.found); ok { // the names of cases in front of it stay
		f.detail = name + found
	}
}

// maxConverted is how many bytes are compared with converted ones: further on, a line end
// may be cut at the border of two reads.
const maxConverted = 1 << 10

// conversions are what servers, proxies and terminals do to text.
var conversions = []struct {
	evidence Evidence
	found    string
	convert  func([]byte) []byte
}{
	{LineEnds, "LF is converted to CR LF", replace("\n", "\r\n")},
	{LineEnds, "CR LF is converted to LF", replace("\r\n", "\n")},
	{LineEnds, "CR is converted to LF", replace("\r", "\n")},
	{LineEnds, "CR and LF are converted to CR LF", replace("\r", "\n", "\n", "\r\n")},
	{LineEnds, "CR is removed", replace("\r", "")},
	{SevenBit, "the highest bit of each byte is cleared", above(func(c byte) byte { return c & 0x7f })},
	{DecodedAsText, "each byte of 0x80 and above is converted to a question mark", above(func(byte) byte { return '?' })},
}

// replace returns a function that replaces each first string of a pair by the second, one
// pair after the other.
func replace(pairs ...string) func([]byte) []byte {
	return func(b []byte) []byte {
		for i := 0; i < len(pairs); i += 2 {
			b = bytes.ReplaceAll(b, []byte(pairs[i]), []byte(pairs[i+1]))
		}
		return b
	}
}

// above returns a function that changes each byte of 0x80 and above.
func above(change func(c byte) byte) func([]byte) []byte {
	return func(b []byte) []byte {
		b = bytes.Clone(b)
		for i, c := range b {
			if c >= utf8.RuneSelf {
				b[i] = change(c)
			}
		}
		return b
	}
}

// conversion returns the conversion that makes got of due; "" if there is none.
func conversion(got, due []byte) (kind Evidence, found string) {
	due = due[:min(len(due), maxConverted)]
	for _, c := range conversions {
		converted := c.convert(due)
		// The last bytes may be one half of what is replaced.
		if n := min(len(got), len(converted)-1); n >= shiftLen && bytes.Equal(got[:n], converted[:n]) {
			return c.evidence, c.found
		}
	}
	if isDecoded(got[:min(len(got), maxConverted)], due) {
		return DecodedAsText, "bytes of 0x80 and above are converted to UTF-8"
	}
	return "", ""
}

// isDecoded reports whether got is UTF-8 with the same ASCII characters as due. Decoders
// differ in how many replacement characters they make of bytes that are not UTF-8.
func isDecoded(got, due []byte) bool {
	if len(got) < 2*shiftLen || bytes.Equal(onlyASCII(got), got) {
		return false
	}
	for range utf8.UTFMax - 1 { // the last character may be incomplete
		if !utf8.Valid(got) {
			got = got[:len(got)-1]
		}
	}
	a, b := onlyASCII(got), onlyASCII(due)
	n := min(len(a), len(b))
	return utf8.Valid(got) && bytes.Equal(a[:n], b[:n])
}

// onlyASCII returns the bytes of b that are ASCII characters.
func onlyASCII(b []byte) []byte {
	return slices.DeleteFunc(bytes.Clone(b), func(c byte) bool { return c >= utf8.RuneSelf })
}

// belongs returns where the bytes of f belong, which arrived in place of due on connection
// own; "" if they belong nowhere.
func (p *probe) belongs(f *failure, own int, due []byte) (kind Evidence, found string) {
	needle := f.received[:shiftLen]
	streamLen := f.offset + int64(len(due)) + maxEvidence
	at := indexIn(p.payload(own), needle, streamLen)
	if at < 0 {
		return p.belongsToOthers(f, own, needle, streamLen)
	}
	stream := p.payload(own)
	io.CopyN(io.Discard, stream, at)
	end := firstDifference(f.received, nextBytes(stream, len(f.received))) // of what belongs there
	replaces := end > 0 && agree(f.received[end:], due[end:])
	switch {
	case at > f.offset && bytes.Contains(f.received, due[:shiftLen]):
		return Moved, fmt.Sprintf("%s; the bytes there belong to byte %d: the order changed", differs(f.offset), at)
	case replaces:
		return Overwritten, fmt.Sprintf("%s from byte %d on are those of byte %d; the bytes after them are right", count(end, "byte", "bytes"), f.offset, at)
	case at > f.offset:
		return Missing, missingAt(int(at-f.offset), f.offset)
	}
	return Repeated, fmt.Sprintf("%s; the bytes there are those of byte %d, which had arrived before", differs(f.offset), at)
}

// agree reports whether a and b begin with the same bytes, and with enough of them.
func agree(a, b []byte) bool {
	n := min(len(a), len(b), 2*shiftLen)
	return n >= shiftLen && bytes.Equal(a[:n], b[:n])
}

// maxPermuted is how many bytes are looked at to see whether they only changed places.
const maxPermuted = 64

// damage returns what is wrong with got, which begins with a wrong byte at offset; "" if
// nothing more is known.
func damage(got, due []byte, offset int64) (kind Evidence, found string) {
	if n := bytes.Index(got, due[:shiftLen]); n > 0 {
		return Added, addedAt(n, offset)
	}
	n := 1 // how many bytes are wrong
	for n < min(len(got), len(due)) && !agree(got[n:], due[n:]) {
		n++
	}
	wrong, right := got[:n], due[:min(n, len(due))]
	switch {
	case n >= shiftLen && len(bytes.Trim(wrong, "\x00")) == 0:
		return Zeros, fmt.Sprintf("%d zero bytes are in place of those from byte %d on", n, offset)
	case n == 1 && bits.OnesCount8(wrong[0]^right[0]) == 1:
		return FlippedBit, fmt.Sprintf("one bit (0x%02x) of byte %d is wrong", wrong[0]^right[0], offset)
	case n > 1 && n <= maxPermuted && bytes.Equal(slices.Sorted(slices.Values(wrong)), slices.Sorted(slices.Values(right))):
		return Moved, fmt.Sprintf("bytes %d to %d arrived in another order", offset, offset+int64(n)-1)
	}
	return "", ""
}

// maxSearch is how many bytes of the other connections are searched.
const maxSearch = 1 << 30

// belongsToOthers searches the streams of the other connections of the rule.
func (p *probe) belongsToOthers(f *failure, own int, needle []byte, streamLen int64) (kind Evidence, found string) {
	for i := range min(p.Conns+1, int(maxSearch/streamLen)) {
		if i == own {
			continue
		}
		if at := indexIn(p.payload(i), needle, streamLen); at >= 0 {
			return OtherConnection, fmt.Sprintf("%s; the bytes there are those of byte %d of another connection", differs(f.offset), at)
		}
	}
	return "", ""
}

// findStream returns the number of the connection whose payload has due at offset; -1 if
// there is none.
func (p *probe) findStream(due []byte, offset int64) int {
	for i := range p.Conns + 1 {
		stream := p.payload(i)
		io.CopyN(io.Discard, stream, offset)
		if bytes.Equal(nextBytes(stream, len(due)), due) {
			return i
		}
	}
	return -1
}

// indexIn returns where needle begins in the first n bytes of r; -1 if it does not. It keeps
// one block in memory, because n can be gigabytes.
func indexIn(r io.Reader, needle []byte, n int64) int64 {
	block := make([]byte, 0, 1<<20)
	for read := int64(0); read < n; {
		more := int(min(n-read, int64(cap(block)-len(block))))
		io.ReadFull(r, block[len(block):len(block)+more])
		block = block[:len(block)+more]
		read += int64(more)
		if i := bytes.Index(block, needle); i >= 0 {
			return read - int64(len(block)-i)
		}
		block = block[:copy(block, block[max(0, len(block)-len(needle)+1):])]
	}
	return -1
}
