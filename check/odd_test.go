package check

import (
	"bytes"
	"slices"
	"testing"
)

func TestOddSizesAreOddAndRepeatable(t *testing.T) {
	first := func(seed uint64) (sizes []int) {
		next := (&probe{Options: Options{Seed: seed}}).oddSizes()
		for range 1000 {
			n := next(1000)
			if n%2 == 0 || n < 1 || n > 1000 {
				t.Fatalf("got %d, want an odd number from 1 to 1000", n)
			}
			sizes = append(sizes, n)
		}
		return sizes
	}
	if a, b := first(7), first(7); !slices.Equal(a, b) {
		t.Error("the same seed gives other sizes")
	}
	if slices.Equal(first(7), first(8)) {
		t.Error("another seed gives the same sizes")
	}
}

func TestIndexInFindsBytesThatCrossABlock(t *testing.T) {
	const total = 3 << 20
	stream := nextBytes(payload(7, "test", 0), total)
	for _, at := range []int64{0, 5000, 1<<20 - 8, 1<<20 - 3, 1 << 20, 2<<20 - 20, total - 8} {
		if got := indexIn(payload(7, "test", 0), stream[at:at+8], total); got != at {
			t.Errorf("got %d, want %d", got, at)
		}
	}
	if got := indexIn(bytes.NewReader(stream), []byte("not there"), total); got != -1 {
		t.Errorf("got %d, want -1", got)
	}
}
