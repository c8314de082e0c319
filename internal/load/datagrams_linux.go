package load

import (
	"golang.org/x/sys/unix"

	"echod/internal/dial"
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
	outBytes []byte // batchSize buffers of size bytes
	size     int
}

func newBatch(size int) *batch {
	b := &batch{inBytes: make([]byte, batchSize*stride), outBytes: make([]byte, batchSize*size), size: size}
	for i := range batchSize {
		b.received[i].Base, b.sent[i].Base = &b.inBytes[i*stride], &b.outBytes[i*size]
		b.received[i].SetLen(largest)
		b.in[i].Hdr.Iov, b.out[i].Hdr.Iov = &b.received[i], &b.sent[i]
		b.in[i].Hdr.SetIovlen(1)
		b.out[i].Hdr.SetIovlen(1)
	}
	return b
}

// sendDatagrams sends what the slot asks for, batchSize datagrams at most. It returns false if
// the socket has no space.
func (l *loop) sendDatagrams(s *loopSlot) bool {
	b, now, n := l.batch, l.now(), 0
	for ; n < batchSize && s.next(now) == sendDatagram; n++ {
		b.sent[n].SetLen(len(s.nextDatagram(now, b.outBytes[n*b.size:][:b.size])))
	}
	taken, errno := l.k.Sendmmsg(s.fd, b.out[:n], unix.MSG_NOSIGNAL)
	s.sentDatagrams(taken)
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
		n, errno := l.k.Recvmmsg(s.fd, b.in[:], 0)
		now := l.now()
		switch {
		case errno == unix.EAGAIN || errno == unix.EINTR:
			return
		case errno != 0:
			s.receiveFailed(now, dial.Classify(errno))
			return
		}
		for i := range n {
			s.receivedDatagram(now, b.inBytes[i*stride:][:b.in[i].Len])
		}
		if n < batchSize {
			return
		}
	}
}
