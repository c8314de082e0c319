package echo

// Train is what one receive returned: one datagram, or several of one source to one
// destination, which the kernel has received together (UDP_GRO of udp(7)).
type Train struct {
	Bytes []byte // of all datagrams, one after the other
	Size  int    // of each datagram but the last, which may be shorter; 0 for one datagram
}

// Count returns the number of datagrams: at least 1, because one may be empty.
func (t Train) Count() int {
	if t.Size <= 0 || len(t.Bytes) <= t.Size {
		return 1
	}
	return (len(t.Bytes) + t.Size - 1) / t.Size
}

// First returns the length of the first datagram.
func (t Train) First() int {
	if t.Size <= 0 {
		return len(t.Bytes)
	}
	return min(t.Size, len(t.Bytes))
}

// Cut returns the first n datagrams, and those after them. n is from 1 to Count.
func (t Train) Cut(n int) (first, rest Train) {
	at := min(n*t.First(), len(t.Bytes))
	return Train{t.Bytes[:at], t.Size}, Train{t.Bytes[at:], t.Size}
}
