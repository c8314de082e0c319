package ping

import "time"

// memory is how many settled datagrams are remembered, to tell a duplicate from an
// answer that is late. Of older ones, all count as late. A stream has no duplicates,
// and remembers none.
const memory = 1024

// flight is one probe on its way, or remembered.
type flight struct {
	seq    uint64
	stamp  int64     // the time that its bytes tell, Unix nanoseconds
	sent   time.Time // just before its first byte was written
	phases Phases
	fate   Fate // "" while it is under way
}

// book knows the probes by their numbers, with the I/O left out.
type book struct {
	memory  int       // settled probes to remember
	flights []*flight // without gaps
	next    uint64    // the number that the next gets, less one: how many there were
	oldest  uint64    // no probe before it is under way
	pending int       // under way
	highest uint64    // that was answered
}

// add numbers f. Its fate may be known already.
func (b *book) add(f *flight) {
	b.next++
	f.seq = b.next
	b.flights = append(b.flights, f)
	if f.fate == "" {
		b.pending++
	}
	b.forget()
}

// waiting is the probe that has been under way for longest, nil if none is.
func (b *book) waiting() *flight {
	for ; b.oldest <= b.next; b.oldest++ {
		if f := b.find(b.oldest); f != nil && f.fate == "" {
			return f
		}
	}
	return nil
}

// find is nil for what is forgotten or was never sent.
func (b *book) find(seq uint64) *flight {
	first := b.next + 1 - uint64(len(b.flights))
	if seq < first || seq > b.next {
		return nil
	}
	return b.flights[seq-first]
}

// settle gives f, which is under way, its fate.
func (b *book) settle(f *flight, fate Fate) {
	f.fate = fate
	b.pending--
}

// answered is what an answer to seq, which was sent, means.
func (b *book) answered(seq uint64) (fate Fate, reordered bool) {
	f := b.find(seq)
	switch {
	case f == nil:
		return Late, seq < b.highest
	case f.fate == "":
		b.settle(f, Answered)
	case f.fate == Lost:
		f.fate = Late
	default:
		return Duplicated, false
	}
	reordered = seq < b.highest
	b.highest = max(b.highest, seq)
	return f.fate, reordered
}

// forget drops the oldest that are settled and too many to be remembered.
func (b *book) forget() {
	for len(b.flights) > b.memory && b.flights[0].fate != "" {
		b.flights[0], b.flights = nil, b.flights[1:]
	}
}
