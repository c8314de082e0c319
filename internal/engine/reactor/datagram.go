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
	// datagramsPerTurn is how many datagrams one call moves at most.
	datagramsPerTurn = 64
	// datagramRoom is more than the length field of UDP can say.
	datagramRoom = 64 << 10
	// datagramStride is from one room to the next. At a distance of just 64 KiB
	// all of them would compete for the same few lines of the processor's caches.
	datagramStride = datagramRoom + 3*64
)

// datagrams is the memory of a datagram socket: 64 letters with their
// envelopes, made once and used again for every batch. The kernel puts a
// datagram in, and the answer is sent from where it lies. Pages that no
// datagram ever reached cost nothing.
type datagrams struct {
	envelopes [datagramsPerTurn]sys.Mmsghdr
	used      int // envelopes that are to be made ready again
	letters   [datagramsPerTurn]letter
	payloads  []byte
}

// letter is what the header of one datagram points to.
type letter struct {
	from    unix.RawSockaddrAny
	control [sock.ControlSize]byte
	arrived sock.PktInfo
	room    unix.Iovec // where it is received; of an answer, what is sent of that
}

func newDatagrams() *datagrams {
	d := &datagrams{used: datagramsPerTurn, payloads: make([]byte, datagramsPerTurn*datagramStride)}
	for i := range d.letters {
		at := &d.letters[i]
		at.room.Base = &d.payloads[i*datagramStride]
		h := &d.envelopes[i].Hdr
		h.Name = (*byte)(unsafe.Pointer(&at.from))
		h.Iov = &at.room
		h.SetIovlen(1)
		h.Control = &at.control[0]
	}
	return d
}

// room is where the next batch is received. Receiving overwrote how much room
// there was for names and control data, and answering how much for the payload,
// in those envelopes that were used.
func (d *datagrams) room() []sys.Mmsghdr {
	for i := range d.used {
		h := &d.envelopes[i].Hdr
		h.Namelen = unix.SizeofSockaddrAny
		h.SetControllen(sock.ControlSize)
		d.letters[i].room.SetLen(datagramRoom)
	}
	d.used = datagramsPerTurn // until it is known better
	return d.envelopes[:]
}

// took says that the first n envelopes were used.
func (d *datagrams) took(n int) { d.used = n }

// answer turns the i-th datagram into its answer: the same payload, to where it
// came from, from where it arrived.
func (d *datagrams) answer(i int) {
	at := &d.letters[i]
	at.room.SetLen(len(d.payload(i)))
	d.envelopes[i].Hdr.SetControllen(sock.PutControl(at.control[:], at.arrived, d.source(i).Addr()))
}

func (d *datagrams) payload(i int) []byte {
	return d.payloads[i*datagramStride:][:d.envelopes[i].Len]
}

func (d *datagrams) truncated(i int) bool {
	return d.envelopes[i].Hdr.Flags&unix.MSG_TRUNC != 0
}

// arrived is the address that the i-th datagram was sent to; the zero Addr if
// the kernel did not tell.
func (d *datagrams) arrived(i int) netip.Addr {
	at := &d.letters[i]
	at.arrived = sock.ParseControl(at.control[:d.envelopes[i].Hdr.Controllen])
	return at.arrived.Dst
}

// source is where the i-th datagram came from.
func (d *datagrams) source(i int) netip.AddrPort { return addrOf(&d.letters[i].from) }
