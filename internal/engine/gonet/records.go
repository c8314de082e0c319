package gonet

// headerSize is that of a TLS record's header: its type, a version, and the size
// of its body in two bytes (RFC 8446, section 5.1).
const headerSize = 5

// records follows the records of a TLS connection through the bytes that go by.
type records struct {
	header [headerSize]byte
	seen   int // bytes of the header
	body   int // bytes of the body that are still to come
}

// pass says how many of the bytes p, which come next, belong to the record that
// has begun, or else to the first one in p; it counts them as gone by. It is at
// least 1 if p is not empty.
func (r *records) pass(p []byte) (n int) {
	n = copy(r.header[r.seen:], p)
	if r.seen += n; r.seen < headerSize {
		return n
	}
	if n > 0 {
		r.body = int(r.header[3])<<8 | int(r.header[4])
	}
	rest := min(r.body, len(p)-n)
	r.body -= rest
	if r.body == 0 {
		r.seen = 0
	}
	return n + rest
}
