package sock

import "time"

// Trains decides which answers of one datagram socket leave as a train. A train is one message
// that the kernel, or the network card, cuts into datagrams of the same size, of which the last
// may be shorter (UDP_SEGMENT of udp(7)). The zero Trains has none.
//
// A train can fail where its datagrams do not: if they are larger than the MTU of the path
// (EMSGSIZE, before Linux 6.9 EINVAL), because the kernel does not fragment them, or if the
// device cannot compute checksums, or IPsec is on the path (EIO).
type Trains struct {
	Enabled bool  // ReceiveTrains has reported true
	failed  int   // the smallest size that has failed; 0 for none
	until   int64 // when it is tried again
}

const (
	// trainDatagrams is the largest number of datagrams of a train: UDP_MAX_SEGMENTS of
	// include/linux/udp.h, which is 128 since Linux 6.10.
	trainDatagrams = 64
	// trainBytes is the largest payload of a train over IPv6, which is smaller than that
	// over IPv4.
	trainBytes = 65_535 - 40 - 8
	// trainRetry is how long a size that failed is not tried again: each failure costs a
	// call. Routes change rarely.
	trainRetry = time.Second
)

// Most returns how many datagrams of size bytes may leave as one train now, a time in
// nanoseconds: 1 if none may.
func (t *Trains) Most(now int64, size int) int {
	if !t.Enabled || size == 0 || t.failed != 0 && size >= t.failed && now < t.until {
		return 1
	}
	return max(min(trainDatagrams, trainBytes/size), 1)
}

// Failed records that a train of datagrams of size bytes could not be sent, while its datagrams
// could. Trains of that size or of a larger one are not sent for a second. Each peer can cause
// this, and then the answers to all of them cost a call each.
func (t *Trains) Failed(now int64, size int) {
	if now >= t.until || size < t.failed {
		t.failed = size
	}
	t.until = now + int64(trainRetry)
}
