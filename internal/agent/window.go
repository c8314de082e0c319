package agent

// windowSize is how many numbers a window remembers.
const windowSize = 4096

// window knows which numbers of a sequence have arrived. It remembers the last windowSize up
// to the highest one, as RFC 6479 does. The zero value has seen none.
type window struct {
	highest uint64
	seen    [windowSize / 64]uint64
}

// DatagramCounts says how datagrams arrived in one direction.
type DatagramCounts struct {
	Arrived    int64 `json:"arrived"`    // different ones
	Duplicated int64 `json:"duplicated"` // arrived before, or more than 4096 numbers after their turn
	Reordered  int64 `json:"reordered"`  // of Arrived: after one that was sent later (RFC 4737, section 3.3)
}

// add counts the arrival of n, which is not 0. It reports whether n is new.
func (w *window) add(n uint64, counts *DatagramCounts) bool {
	if n > w.highest {
		w.advance(n)
	} else if w.highest-n >= windowSize || *w.word(n)&bit(n) != 0 {
		counts.Duplicated++
		return false
	} else {
		counts.Reordered++
	}
	*w.word(n) |= bit(n)
	counts.Arrived++
	return true
}

// advance makes n the highest number, and forgets those that are too low then.
func (w *window) advance(n uint64) {
	if n-w.highest >= windowSize {
		w.seen = [windowSize / 64]uint64{}
	} else {
		for skipped := w.highest + 1; skipped <= n; skipped++ {
			*w.word(skipped) &^= bit(skipped)
		}
	}
	w.highest = n
}

func (w *window) word(n uint64) *uint64 { return &w.seen[n%windowSize/64] }

func bit(n uint64) uint64 { return 1 << (n % 64) }
