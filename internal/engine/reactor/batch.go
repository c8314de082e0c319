//go:build linux

package reactor

import (
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"

	"echod/internal/sock"
	"echod/internal/sys"
)

const (
	// batchSize is how many datagrams one system call receives or sends at most.
	batchSize = 64
	// datagramBuffer is more than the length field of UDP can express.
	datagramBuffer = 64 << 10
	// datagramStride is the distance between two buffers. At a distance of exactly
	// 64 KiB all buffers would map to the same few lines of the processor's caches.
	datagramStride = datagramBuffer + 3*64
)

// batch is the memory of a datagram socket: 64 messages with their headers. It is made
// once and used for every recvmmsg(2). A datagram is sent back from the buffer that it
// was received into. Pages of the buffers that no datagram has reached use no memory.
type batch struct {
	headers  [batchSize]sys.Mmsghdr
	used     int // headers to prepare for the next receive
	messages [batchSize]message
	payloads []byte
}

// message is what the header of one datagram points to.
type message struct {
	from    unix.RawSockaddrAny
	control [sock.ControlSize]byte
	arrived sock.PktInfo
	payload unix.Iovec // the buffer to receive into; of an answer, the bytes to send
}

func newBatch() *batch {
	b := &batch{used: batchSize, payloads: make([]byte, batchSize*datagramStride)}
	for i := range b.messages {
		m := &b.messages[i]
		m.payload.Base = &b.payloads[i*datagramStride]
		h := &b.headers[i].Hdr
		h.Name = (*byte)(unsafe.Pointer(&m.from))
		h.Iov = &m.payload
		h.SetIovlen(1)
		h.Control = &m.control[0]
	}
	return b
}

// prepare returns the headers for the next receive. In those that were used, the
// receive has overwritten the sizes for name and control data, and the answer the size
// of the payload.
func (b *batch) prepare() []sys.Mmsghdr {
	for i := range b.used {
		h := &b.headers[i].Hdr
		h.Namelen = unix.SizeofSockaddrAny
		h.SetControllen(sock.ControlSize)
		b.messages[i].payload.SetLen(datagramBuffer)
	}
	b.used = batchSize // until received reports fewer
	return b.headers[:]
}

// received records that the first n headers were used.
func (b *batch) received(n int) { b.used = n }

// makeAnswer turns the i-th datagram into its answer: the same payload, sent to its
// source from its destination.
func (b *batch) makeAnswer(i int) {
	m := &b.messages[i]
	m.payload.SetLen(len(b.payload(i)))
	b.headers[i].Hdr.SetControllen(sock.PutControl(m.control[:], m.arrived, b.source(i).Addr()))
}

func (b *batch) payload(i int) []byte {
	return b.payloads[i*datagramStride:][:b.headers[i].Len]
}

func (b *batch) truncated(i int) bool {
	return b.headers[i].Hdr.Flags&unix.MSG_TRUNC != 0
}

// destination returns the address that the i-th datagram was sent to; the zero Addr if
// the kernel did not report it.
func (b *batch) destination(i int) netip.Addr {
	m := &b.messages[i]
	m.arrived = sock.ParseControl(m.control[:b.headers[i].Hdr.Controllen])
	return m.arrived.Dst
}

// source returns the address and port that the i-th datagram came from.
func (b *batch) source(i int) netip.AddrPort { return sys.AddrPort(&b.messages[i].from) }
