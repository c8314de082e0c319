package load

import (
	"golang.org/x/sys/unix"

	"echod/internal/dial"
	"echod/internal/sock"
	"echod/internal/sys"
)

const (
	// batchSize is how many datagrams one system call sends or receives at most.
	batchSize = 64
	// receiveCalls limits what is received from one socket before the others have a turn.
	receiveCalls = 4
	// largest is more than a datagram can have, and than a train that GRO has made.
	largest = 64 << 10
	// stride is the distance between two buffers. At a distance of exactly 64 KiB, all would
	// map to the same few lines of the processor's caches.
	stride = largest + 3*64
)

// batch is the buffers of a thread for datagrams: a header for each, which sendmmsg(2) and
// recvmmsg(2) take. All sockets of the thread use them in turn. Pages of the buffers that no
// datagram has reached use no memory.
type batch struct {
	in, out  [batchSize]sys.Mmsghdr
	received [batchSize]unix.Iovec
	sent     [batchSize]unix.Iovec
	inBytes  []byte // batchSize buffers at a distance of stride
	outBytes []byte // batchSize buffers of size bytes, without a gap
	size     int

	train    int // how many datagrams a train has at most; 0: there are none
	controls [batchSize][sock.ControlSize]byte
}

// newBatch returns buffers for datagrams of size bytes at most, or, with trains, of that size.
func newBatch(size int, trains bool) *batch {
	b := &batch{inBytes: make([]byte, batchSize*stride), outBytes: make([]byte, batchSize*size), size: size}
	if trains {
		b.train = datagramsPerTrain(size)
	}
	for i := range batchSize {
		b.received[i].Base, b.sent[i].Base = &b.inBytes[i*stride], &b.outBytes[i*size]
		b.received[i].SetLen(largest)
		b.in[i].Hdr.Iov, b.out[i].Hdr.Iov = &b.received[i], &b.sent[i]
		b.in[i].Hdr.SetIovlen(1)
		b.out[i].Hdr.SetIovlen(1)
	}
	return b
}

// sendDatagrams sends what the slot asks for, batchSize datagrams at most, or one train. It
// returns false if the socket has no space.
func (l *loop) sendDatagrams(s *loopSlot) bool {
	b, now, n := l.batch, l.now(), 0
	most, each := batchSize, 1 // datagrams, and those of a message
	if b.train > 0 {
		most = b.train
	}
	for ; n < most && s.next(now) == sendDatagram; n++ {
		b.sent[n].SetLen(len(s.nextDatagram(now, b.outBytes[n*b.size:][:b.size])))
	}
	if b.train > 0 {
		b.sent[0].SetLen(n * b.size)
		each = n
	}
	taken, errno := l.k.Sendmmsg(s.fd, b.out[:n/each], unix.MSG_NOSIGNAL)
	s.tally.sentTrains(s.sending, taken*each, each)
	s.sentDatagrams(taken * each)
	switch errno {
	case 0, unix.EINTR:
		s.sendAgain() // after an error the kernel takes fewer, and says why at the next call
	case unix.EAGAIN:
		s.sendAgain()
		return false
	default:
		s.sendFailed(now, dial.Classify(errno))
	}
	return true
}

// receiveDatagrams reads the datagrams that have arrived. All of one call have arrived when it
// returns.
func (l *loop) receiveDatagrams(s *loopSlot) {
	b := l.batch
	for range receiveCalls {
		n, errno := l.k.Recvmmsg(s.fd, b.prepare(), 0)
		now := l.now()
		switch {
		case errno == unix.EAGAIN || errno == unix.EINTR:
			return
		case errno != 0:
			s.receiveFailed(now, dial.Classify(errno))
			return
		}
		for i := range n {
			l.receivedTrain(s, now, b.inBytes[i*stride:][:b.in[i].Len], b.segment(i))
		}
		if n < batchSize {
			return
		}
	}
}

// prepare returns the headers for the next receive, which overwrites the sizes of control messages.
func (b *batch) prepare() []sys.Mmsghdr {
	if b.train > 0 {
		for i := range b.in {
			b.in[i].Hdr.Control = &b.controls[i][0]
			b.in[i].Hdr.SetControllen(sock.ControlSize)
		}
	}
	return b.in[:]
}

// segment returns the size of the datagrams in message i; 0 if it is one datagram.
func (b *batch) segment(i int) int {
	if b.train == 0 {
		return 0
	}
	return int(sock.ParseControl(b.controls[i][:b.in[i].Hdr.Controllen]).Segment)
}

// receivedTrain reports the datagrams of a train to the slot, each by itself. The last may be
// shorter. Without a segment, p is one datagram.
func (l *loop) receivedTrain(s *loopSlot, now int64, p []byte, segment int) {
	if segment <= 0 || segment >= len(p) {
		s.receivedDatagram(now, p)
		return
	}
	s.tally.receivedTrain(now, (len(p)+segment-1)/segment)
	for ; len(p) > segment; p = p[segment:] {
		s.receivedDatagram(now, p[:segment])
	}
	s.receivedDatagram(now, p)
}
