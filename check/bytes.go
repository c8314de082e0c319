package check

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"slices"
)

// payload returns the endless, incompressible stream of bytes that connection number
// conn of this rule sends. Each call returns the same bytes, so a rule compares what
// comes back with a second payload and keeps no copy.
func (p *probe) payload(conn int) io.Reader { return payload(p.Seed, p.rule, conn) }

func payload(seed uint64, rule string, conn int) io.Reader {
	name := fnv.New64a()
	name.Write([]byte(rule))
	var key [32]byte
	binary.LittleEndian.PutUint64(key[0:], seed)
	binary.LittleEndian.PutUint64(key[8:], name.Sum64())
	binary.LittleEndian.PutUint64(key[16:], uint64(conn))
	return rand.NewChaCha8(key)
}

// nextBytes returns the next n bytes of r, or fewer if r ends.
func nextBytes(r io.Reader, n int) []byte {
	b := make([]byte, n)
	n, _ = io.ReadFull(r, b)
	return b[:n]
}

// checkBytes compares got with want, which begins at offset of the stream. It returns
// nil, or the failure at the first wrong byte. more returns the bytes that should
// follow want: they help to tell lost bytes from changed ones.
func checkBytes(got, want []byte, more io.Reader, offset int64) *failure {
	bad := firstDifference(got, want)
	if bad < 0 {
		return nil
	}
	want = append(slices.Clone(want), nextBytes(more, excerptLen)...)
	f := failAt(offset+int64(bad), Corrupt, "%s", differs(offset+int64(bad)))
	f.got, f.want = excerpt(got[bad:]), excerpt(want[bad:])
	f.evidence, f.due = Changed, want[bad:]
	if n := shift(want[bad:], got[bad:]); n > 0 {
		f.evidence = Missing
		f.detail = missingAt(n, f.offset)
	} else if n := shift(got[bad:], want[bad:]); n > 0 {
		f.class, f.evidence = ExtraBytes, Added
		f.detail = addedAt(n, f.offset)
	}
	f.found = f.detail
	return f
}

func missingAt(n int, offset int64) string {
	return fmt.Sprintf("%s missing at byte %d", count(n, "byte is", "bytes are"), offset)
}

func addedAt(n int, offset int64) string {
	return fmt.Sprintf("%s arrived at byte %d", count(n, "extra byte", "extra bytes"), offset)
}

// differs is the detail of a failure at offset of which nothing more is known.
func differs(offset int64) string {
	return fmt.Sprintf("byte %d differs from the byte that was sent", offset)
}

// firstDifference returns the index of the first byte in which a and b, equally long,
// differ; -1 if they do not.
func firstDifference(a, b []byte) int {
	if bytes.Equal(a, b) {
		return -1
	}
	for i := range a {
		if a[i] != b[i] {
			return i
		}
	}
	return -1
}

// shiftLen is how many bytes must agree before they count as shifted. By chance,
// that many agree once in 2^64.
const shiftLen = 8

// shift returns how many bytes to omit from long so that it continues like short:
// from 1 to excerptLen, or 0 if no such number is found.
func shift(long, short []byte) int {
	if len(short) < shiftLen {
		return 0
	}
	i := bytes.Index(long[:min(len(long), excerptLen+shiftLen)], short[:shiftLen])
	if i < 0 {
		return 0
	}
	// Texts may share eight bytes, e.g. HTTP/1.1, so more must agree if there are more.
	both := min(len(long)-i, len(short), 2*shiftLen)
	if !bytes.Equal(long[i:i+both], short[:both]) {
		return 0
	}
	return i
}

const excerptLen = 16

// excerpt returns the first bytes of b in hexadecimal and, if some of them are printable,
// as text between bars, where a dot stands for each other byte.
func excerpt(b []byte) string {
	more := ""
	if len(b) > excerptLen {
		b, more = b[:excerptLen], " …"
	}
	hex := fmt.Sprintf("% x", b) + more
	if !slices.ContainsFunc(b, printable) {
		return hex
	}
	text := bytes.Clone(b)
	for i, c := range text {
		if !printable(c) {
			text[i] = '.'
		}
	}
	return fmt.Sprintf("%s  |%s|", hex, text)
}

// printable reports whether c is a printable ASCII character or a space.
func printable(c byte) bool { return c >= ' ' && c <= '~' }

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// size formats a number of bytes for people.
func size(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d B", n)
}
