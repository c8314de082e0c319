//go:build linux

package reactor

import (
	"encoding/binary"
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
)

// datagrams is the memory of a datagram socket: 64 letters with their
// envelopes, made once and used again for every batch. The kernel puts a
// datagram in, and the answer is sent from where it lies. Pages that no
// datagram ever reached cost nothing.
type datagrams struct {
	received [datagramsPerTurn]sys.Mmsghdr
	used     int           // headers of received that are to be made ready again
	answers  []sys.Mmsghdr // of this batch; a part of envelopes
	letters  [datagramsPerTurn]letter

	envelopes [datagramsPerTurn]sys.Mmsghdr
	payloads  []byte
}

// letter is what the header of one datagram points to.
type letter struct {
	from    unix.RawSockaddrAny
	control [sock.ControlSize]byte
	arrived sock.PktInfo
	room    unix.Iovec // where it is received
	echo    unix.Iovec // what is sent back of it
}

func newDatagrams() *datagrams {
	d := &datagrams{used: datagramsPerTurn, payloads: make([]byte, datagramsPerTurn*datagramRoom)}
	for i := range d.letters {
		at := &d.letters[i]
		at.room.Base = &d.payloads[i*datagramRoom]
		at.room.SetLen(datagramRoom)
		at.echo.Base = at.room.Base
		h := &d.received[i].Hdr
		h.Name = (*byte)(unsafe.Pointer(&at.from))
		h.Iov = &at.room
		h.SetIovlen(1)
		h.Control = &at.control[0]
	}
	return d
}

// room is where the next batch is received, the answers of the last forgotten.
// Receiving overwrote how much room there was for names and control data, in
// those headers that were used.
func (d *datagrams) room() []sys.Mmsghdr {
	for i := range d.used {
		h := &d.received[i].Hdr
		h.Namelen = unix.SizeofSockaddrAny
		h.SetControllen(sock.ControlSize)
	}
	d.answers = d.envelopes[:0]
	d.used = datagramsPerTurn // until it is known better
	return d.received[:]
}

// took says that the first n headers were used.
func (d *datagrams) took(n int) { d.used = n }

// answer puts the i-th datagram among the answers: the same payload, to where
// it came from, from where it arrived.
func (d *datagrams) answer(i int) {
	at := &d.letters[i]
	at.echo.SetLen(len(d.payload(i)))
	d.answers = append(d.answers, sys.Mmsghdr{Hdr: d.received[i].Hdr})
	h := &d.answers[len(d.answers)-1].Hdr
	h.Iov = &at.echo
	h.SetControllen(sock.PutControl(at.control[:], at.arrived))
}

func (d *datagrams) payload(i int) []byte {
	return d.payloads[i*datagramRoom:][:d.received[i].Len]
}

func (d *datagrams) truncated(i int) bool {
	return d.received[i].Hdr.Flags&unix.MSG_TRUNC != 0
}

// arrived is the address that the i-th datagram was sent to; the zero Addr if
// the kernel did not tell.
func (d *datagrams) arrived(i int) netip.Addr {
	at := &d.letters[i]
	at.arrived = sock.ParseControl(at.control[:d.received[i].Hdr.Controllen])
	return at.arrived.Dst
}

// source is where the i-th datagram came from.
func (d *datagrams) source(i int) netip.AddrPort {
	from := &d.letters[i].from
	port := (*[2]byte)(unsafe.Pointer(&(*unix.RawSockaddrInet4)(unsafe.Pointer(from)).Port)) // where IPv6 has it too
	return netip.AddrPortFrom(addrOf(from), binary.BigEndian.Uint16(port[:]))
}
