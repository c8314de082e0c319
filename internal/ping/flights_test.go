package ping

import (
	"slices"
	"testing"
	"time"
)

// sent returns flights with n probes in flight.
func sent(n int) *flights {
	b := &flights{remember: maxRemembered}
	for range n {
		b.add(new(flight))
	}
	return b
}

func TestAnswersHaveTheirFate(t *testing.T) {
	tests := []struct {
		name      string
		do        func(*flights)
		seq       uint64
		want      Fate
		reordered bool
	}{
		{"the first", func(b *flights) {}, 1, Answered, false},
		{"of a later one, before the others", func(b *flights) {}, 3, Answered, false},
		{"after that of a later one", func(b *flights) { b.answer(2) }, 1, Answered, true},
		{"again", func(b *flights) { b.answer(2) }, 2, Duplicated, false},
		{"again, after that of a later one", func(b *flights) { b.answer(1); b.answer(2) }, 1, Duplicated, false},
		{"after it was lost", func(b *flights) { b.finish(b.find(1), Lost) }, 1, Late, false},
		{"after it was lost, and that of a later one", func(b *flights) { b.finish(b.find(1), Lost); b.answer(2) }, 1, Late, true},
		{"twice after it was lost", func(b *flights) { b.finish(b.find(1), Lost); b.answer(1) }, 1, Duplicated, false},
		{"of a forgotten one", func(b *flights) {
			for seq := range uint64(maxRemembered + 3) {
				b.answer(seq + 1)
				b.add(new(flight))
			}
		}, 2, Late, true},
		{"of the latest one that was answered, forgotten", func(b *flights) {
			b.answer(3)
			b.finish(b.find(1), Lost)
			b.finish(b.find(2), Lost)
			for range maxRemembered {
				b.add(&flight{fate: Lost})
			}
		}, 3, Late, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := sent(3)
			tt.do(b)
			got, reordered := b.answer(tt.seq)
			if got != tt.want || reordered != tt.reordered {
				t.Errorf("got %s, reordered %t; want %s, %t", got, reordered, tt.want, tt.reordered)
			}
		})
	}
}

func TestFirstIsTheOldestInFlight(t *testing.T) {
	b := sent(3)
	first := func(want uint64) {
		t.Helper()
		var got uint64
		if f := b.first(); f != nil {
			got = f.seq
		}
		if got != want {
			t.Errorf("got %d, want %d", got, want)
		}
	}
	first(1)
	b.answer(2)
	first(1)
	b.finish(b.find(1), Lost)
	first(3)
	b.answer(3)
	first(0)
	b.add(&flight{fate: Lost}) // never sent
	first(0)
	b.add(new(flight))
	first(5)
	if b.inFlight != 1 {
		t.Errorf("%d are in flight, want 1", b.inFlight)
	}
}

func TestProbesInFlightAreNotForgotten(t *testing.T) {
	b := sent(1)
	for range 2 * maxRemembered {
		b.add(&flight{fate: Lost})
	}
	if got, _ := b.answer(1); got != Answered {
		t.Errorf("the answer to the first of many is %s, want %s", got, Answered)
	}
	b.add(&flight{fate: Lost})
	if n := len(b.list); n != maxRemembered {
		t.Errorf("%d are remembered, want %d", n, maxRemembered)
	}
}

// TestStreamFindsAnswersInPiecesOfAnySize divides the answers to three probes into pieces
// of each size.
func TestStreamFindsAnswersInPiecesOfAnySize(t *testing.T) {
	const size = 40
	payloads := newPayloads(size)
	began := time.Unix(1000, 0)
	for piece := 1; piece <= 3*size; piece++ {
		var s stream
		var all []byte
		for seq := range uint64(3) {
			s.owed = append(s.owed, &flight{seq: seq + 1, stamp: 5, sent: began})
			all = append(all, payloads.probe(seq+1, 5)...)
		}
		var got []uint64
		at := began
		for part := range slices.Chunk(all, piece) {
			at = at.Add(time.Second)
			for len(part) > 0 {
				rest, whole, wrong := s.read(part, at, payloads)
				if wrong != nil {
					t.Fatalf("in pieces of %d: %v", piece, wrong)
				}
				if whole != nil {
					got = append(got, whole.seq)
				}
				if whole != nil && whole.seq == 2 {
					// When the piece with its first byte arrived.
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

func TestStreamFindsTheFirstWrongByte(t *testing.T) {
	payloads := newPayloads(40)
	s := stream{owed: []*flight{{seq: 1, stamp: 5}}}
	answer := slices.Clone(payloads.probe(1, 5))
	answer[37] ^= 1
	if _, whole, wrong := s.read(answer[:20], time.Time{}, payloads); whole != nil || wrong != nil {
		t.Fatalf("got %v, %v of the part that is right", whole, wrong)
	}
	if _, _, wrong := s.read(answer[20:], time.Time{}, payloads); wrong == nil || wrong.Offset != 37 {
		t.Errorf("got %v, want a wrong byte at 37", wrong)
	}
}
