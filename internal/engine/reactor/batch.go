//go:build linux

package reactor

import (
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"

	"echod/internal/echo"
	"echod/internal/sock"
	"echod/internal/sys"
)

const (
	// batchSize is how many messages one system call receives or sends at most.
	batchSize = 64
	// datagramBuffer is more than the length field of UDP can express.
	datagramBuffer = 64 << 10
	// datagramStride is the distance between two buffers. At a distance of exactly
	// 64 KiB all buffers would map to the same few lines of the processor's caches.
	datagramStride = datagramBuffer + 3*64
)

// batch is the memory for what a datagram socket receives: 64 messages with their headers,
// each a datagram or a train of them. It is made once and used for every recvmmsg(2). Answers
// are sent from the buffers that their datagrams were received into. Pages of the buffers
// that no datagram has reached use no memory.
type batch struct {
	headers  [batchSize]sys.Mmsghdr
	used     int // headers to prepare for the next receive
	messages [batchSize]message
	payloads []byte
}

// message is what the header of one received message points to.
type message struct {
	from    unix.RawSockaddrAny
	control [sock.ControlSize]byte
	arrived sock.PktInfo
	payload unix.Iovec
}

func newBatch() *batch {
	b := &batch{used: batchSize, payloads: make([]byte, batchSize*datagramStride)}
	for i := range b.messages {
		m := &b.messages[i]
		m.payload.Base = &b.payloads[i*datagramStride]
		m.payload.SetLen(datagramBuffer)
		h := &b.headers[i].Hdr
		h.Name = (*byte)(unsafe.Pointer(&m.from))
		h.Iov = &m.payload
		h.SetIovlen(1)
		h.Control = &m.control[0]
	}
	return b
}

// prepare returns the headers for the next receive. In those that were used, the
// receive has overwritten the sizes for name and control data.
func (b *batch) prepare() []sys.Mmsghdr {
	for i := range b.used {
		h := &b.headers[i].Hdr
		h.Namelen = unix.SizeofSockaddrAny
		h.SetControllen(sock.ControlSize)
	}
	b.used = batchSize // until received reports fewer
	return b.headers[:]
}

// received records that the first n headers were used. It returns how many datagrams they
// have.
func (b *batch) received(n int) (datagrams int) {
	b.used = n
	for i := range n {
		m := &b.messages[i]
		m.arrived = sock.ParseControl(m.control[:b.headers[i].Hdr.Controllen])
		datagrams += b.train(i).Count()
	}
	return datagrams
}

func (b *batch) train(i int) echo.Train {
	return echo.Train{Bytes: b.payloads[i*datagramStride:][:b.headers[i].Len], Size: int(b.messages[i].arrived.Segment)}
}

func (b *batch) truncated(i int) bool {
	return b.headers[i].Hdr.Flags&unix.MSG_TRUNC != 0
}

// source returns the address and port that the message came from.
func (m *message) source() netip.AddrPort { return sys.AddrPort(&m.from) }

// samePath reports whether answers to m and to other have the same source and destination.
// The kernel writes both names in full, and those of IPv4 leave the rest of the array zero.
func (m *message) samePath(other *message) bool {
	const size = unix.SizeofSockaddrInet6
	return m.arrived.Dst == other.arrived.Dst && m.arrived.Index == other.arrived.Index &&
		*(*[size]byte)(unsafe.Pointer(&m.from)) == *(*[size]byte)(unsafe.Pointer(&other.from))
}
