package gonet

import (
	"bytes"
	"testing"
)

// FuzzRecords sends records in pieces of any size: what goes by at once never
// reaches into a second record, and nothing is lost.
func FuzzRecords(f *testing.F) {
	f.Add([]byte{0, 1, 2, 255, 0, 7}, []byte{1, 5, 6, 200, 3})
	f.Fuzz(func(t *testing.T, sizes, pieces []byte) {
		var stream []byte
		ends := map[int]bool{0: true}
		for i, size := range sizes {
			body := int(size) * (i%3*30 + 1)
			stream = append(stream, 23, 3, 3, byte(body>>8), byte(body))
			stream = append(stream, bytes.Repeat([]byte{23}, body)...)
			ends[len(stream)] = true
		}
		var r records
		for at, i := 0, 0; at < len(stream); i++ {
			piece := len(stream) - at
			if len(pieces) > 0 {
				piece = min(piece, int(pieces[i%len(pieces)])+1)
			}
			n := r.pass(stream[at : at+piece])
			if n < 1 || n > piece {
				t.Fatalf("at %d: got %d bytes of %d", at, n, piece)
			}
			for k := at + 1; k < at+n; k++ {
				if ends[k] {
					t.Fatalf("at %d: got %d bytes, which reach over the end of a record at %d", at, n, k)
				}
			}
			if at += n; n < piece && !ends[at] {
				t.Fatalf("stopped at %d, which is no end of a record", at)
			}
			if ends[at] != (r.seen == 0) {
				t.Fatalf("at %d: got a record begun: %v, want %v", at, r.seen > 0, !ends[at])
			}
		}
	})
}
