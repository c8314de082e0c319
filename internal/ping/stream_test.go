package ping

import (
	"slices"
	"testing"
	"time"
)

// TestStreamStaysInStepHoweverItIsCut puts the answers to three probes through in
// pieces of every size.
func TestStreamStaysInStepHoweverItIsCut(t *testing.T) {
	const size = 40
	known := newSession(size)
	began := time.Unix(1000, 0)
	for piece := 1; piece <= 3*size; piece++ {
		var s stream
		var all []byte
		for seq := range uint64(3) {
			s.owed = append(s.owed, &flight{seq: seq + 1, stamp: 5, sent: began})
			all = append(all, known.probe(seq+1, 5)...)
		}
		var got []uint64
		at := began
		for part := range slices.Chunk(all, piece) {
			at = at.Add(time.Second)
			for len(part) > 0 {
				rest, whole, wrong := s.take(part, at, known)
				if wrong != nil {
					t.Fatalf("in pieces of %d: %v", piece, wrong)
				}
				if whole != nil {
					got = append(got, whole.seq)
				}
				if whole != nil && whole.seq == 2 {
					// The piece that its first byte was in.
					if want := time.Duration(size/piece+1) * time.Second; whole.phases.FirstByte != want {
						t.Errorf("in pieces of %d: first byte after %v, want %v", piece, whole.phases.FirstByte, want)
					}
				}
				part = rest
			}
		}
		if !slices.Equal(got, []uint64{1, 2, 3}) {
			t.Errorf("in pieces of %d: got %v, want 1, 2 and 3", piece, got)
		}
	}
}

func TestStreamTellsTheFirstWrongByte(t *testing.T) {
	known := newSession(40)
	s := stream{owed: []*flight{{seq: 1, stamp: 5}}}
	answer := slices.Clone(known.probe(1, 5))
	answer[37] ^= 1
	if _, whole, wrong := s.take(answer[:20], time.Time{}, known); whole != nil || wrong != nil {
		t.Fatalf("got %v, %v of the part that is right", whole, wrong)
	}
	if _, _, wrong := s.take(answer[20:], time.Time{}, known); wrong == nil || wrong.Offset != 37 {
		t.Errorf("got %v, want a wrong byte at 37", wrong)
	}
}
