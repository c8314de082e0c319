package ping

import "testing"

// sent is a book with so many probes under way.
func sent(n int) *book {
	b := &book{memory: memory}
	for range n {
		b.add(new(flight))
	}
	return b
}

func TestBookTellsWhatAnAnswerMeans(t *testing.T) {
	tests := []struct {
		name      string
		do        func(*book)
		seq       uint64
		want      Fate
		reordered bool
	}{
		{"the first", func(b *book) {}, 1, Answered, false},
		{"of a later one first", func(b *book) {}, 3, Answered, false},
		{"after that of a later one", func(b *book) { b.answered(2) }, 1, Answered, true},
		{"once more", func(b *book) { b.answered(2) }, 2, Duplicated, false},
		{"once more, after that of a later one", func(b *book) { b.answered(1); b.answered(2) }, 1, Duplicated, false},
		{"after it was given up", func(b *book) { b.settle(b.find(1), Lost) }, 1, Late, false},
		{"after it was given up, and that of a later one", func(b *book) { b.settle(b.find(1), Lost); b.answered(2) }, 1, Late, true},
		{"twice after it was given up", func(b *book) { b.settle(b.find(1), Lost); b.answered(1) }, 1, Duplicated, false},
		{"of one long ago", func(b *book) {
			for seq := range uint64(memory + 3) {
				b.answered(seq + 1)
				b.add(new(flight))
			}
		}, 2, Late, true},
		{"of the latest, long ago", func(b *book) {
			b.answered(3)
			b.settle(b.find(1), Lost)
			b.settle(b.find(2), Lost)
			for range memory {
				b.add(&flight{fate: Lost})
			}
		}, 3, Late, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := sent(3)
			tt.do(b)
			got, reordered := b.answered(tt.seq)
			if got != tt.want || reordered != tt.reordered {
				t.Errorf("got %s, reordered %t; want %s, %t", got, reordered, tt.want, tt.reordered)
			}
		})
	}
}

func TestBookKnowsWhoWaitsLongest(t *testing.T) {
	b := sent(3)
	waiting := func(want uint64) {
		t.Helper()
		var got uint64
		if f := b.waiting(); f != nil {
			got = f.seq
		}
		if got != want {
			t.Errorf("got %d, want %d", got, want)
		}
	}
	waiting(1)
	b.answered(2)
	waiting(1)
	b.settle(b.find(1), Lost)
	waiting(3)
	b.answered(3)
	waiting(0)
	b.add(&flight{fate: Lost}) // never sent
	waiting(0)
	b.add(new(flight))
	waiting(5)
	if b.pending != 1 {
		t.Errorf("%d are under way, want 1", b.pending)
	}
}

func TestBookForgetsNobodyWhoWaits(t *testing.T) {
	b := sent(1)
	for range 2 * memory {
		b.add(&flight{fate: Lost})
	}
	if got, _ := b.answered(1); got != Answered {
		t.Errorf("the answer to the first of many is %s, want %s", got, Answered)
	}
	b.add(&flight{fate: Lost})
	if n := len(b.flights); n != memory {
		t.Errorf("%d are remembered, want %d", n, memory)
	}
}
