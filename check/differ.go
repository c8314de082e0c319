package check

import (
	"bytes"
	"fmt"
	"io"
)

// differ compares got with want, which stands at offset at of the stream, and
// returns nil or the failure at the first byte that is wrong. more has what
// should follow want; it helps to tell bytes that were lost from bytes that were
// changed.
func differ(got, want []byte, more io.Reader, at int64) *failure {
	bad := mismatch(got, want)
	if bad < 0 {
		return nil
	}
	want = append(want, take(more, excerptLen)...)
	f := failAt(at+int64(bad), Corrupt, "byte %d is not the one that was sent", at+int64(bad))
	f.got, f.want = excerpt(got[bad:]), excerpt(want[bad:])
	if n := shift(want[bad:], got[bad:]); n > 0 {
		f.detail = fmt.Sprintf("%s missing at byte %d", count(n, "byte is", "bytes are"), f.offset)
	} else if n := shift(got[bad:], want[bad:]); n > 0 {
		f.class = ExtraBytes
		f.detail = fmt.Sprintf("%s never sent came in at byte %d", count(n, "byte", "bytes"), f.offset)
	}
	return f
}

// mismatch is the index of the first byte in which a and b, equally long,
// differ; -1 if they do not.
func mismatch(a, b []byte) int {
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

// telling is how many bytes must agree before a shift is believed: by chance
// they do once in 2^64.
const telling = 8

// shift is how many bytes of long must be left out for it to go on as short
// does; 0 if that is none of 1 to excerptLen, or cannot be told.
func shift(long, short []byte) int {
	if len(short) < telling {
		return 0
	}
	i := bytes.Index(long[:min(len(long), excerptLen+telling)], short[:telling])
	return max(i, 0)
}

const excerptLen = 16

// excerpt shows the first bytes of b in hexadecimal.
func excerpt(b []byte) string {
	if len(b) > excerptLen {
		return fmt.Sprintf("% x …", b[:excerptLen])
	}
	return fmt.Sprintf("% x", b)
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// size says n bytes as people do.
func size(n int64) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d B", n)
}
