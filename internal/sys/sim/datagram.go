//go:build linux

package sim

import (
	"cmp"
	"math"
	"net/netip"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"

	"echod/internal/sys"
)

// Datagram is one UDP packet, with its source and its destination, or a train of them.
type Datagram struct {
	From, To netip.AddrPort
	Payload  []byte
	Segment  int // the size of each datagram of a train; the last may be shorter. 0 for one datagram
}

// split returns the datagrams of a train (skb_segment).
func (d Datagram) split() (all []Datagram) {
	if d.Segment == 0 || len(d.Payload) <= d.Segment {
		d.Segment = 0
		return []Datagram{d}
	}
	for payload := range slices.Chunk(d.Payload, d.Segment) {
		all = append(all, Datagram{From: d.From, To: d.To, Payload: payload})
	}
	return all
}

// datagrams is a UDP socket.
type datagrams struct {
	k      *Kernel
	domain int
	port   uint16
	peer   netip.AddrPort // of connect(2): it receives from this address only
	err    sys.Errno      // sk_err: the next call reports it
	gro    bool           // UDP_GRO: it receives trains as one message
	inbox  []Datagram
	outbox []Datagram
	spurious
}

const (
	// inboxSize is how many messages a socket holds; more are dropped.
	inboxSize = 256
	// maxSegments is UDP_MAX_SEGMENTS of include/linux/udp.h.
	maxSegments = 128
	// defaultMTU is that of the loopback.
	defaultMTU = 64 << 10
)

// Deliver delivers d to the socket bound to d.To's port. A train is split unless the socket has
// UDP_GRO. It returns false if there is no socket, or its buffer is full.
func (k *Kernel) Deliver(d Datagram) bool {
	s := k.receiver(d)
	if s == nil {
		return false
	}
	all := d.split()
	if s.gro && len(all) > 1 {
		all = []Datagram{d}
	}
	if len(s.inbox)+len(all) > inboxSize {
		return false
	}
	s.inbox = append(s.inbox, all...)
	return true
}

// receiver returns the socket for d (udp4_lib_lookup2). Addresses are ignored.
func (k *Kernel) receiver(d Datagram) *datagrams {
	s, ok := k.ports[d.To.Port()].(*datagrams)
	if !ok || s.peer.IsValid() && s.peer.Port() != d.From.Port() {
		return nil
	}
	return s
}

// connect is connect(2): it only sets the address of the peer.
func (s *datagrams) connect(addr unix.Sockaddr) sys.Errno {
	var port int
	switch a := addr.(type) {
	case *unix.SockaddrInet4:
		port = a.Port
	case *unix.SockaddrInet6:
		port = a.Port
	default:
		return unix.EAFNOSUPPORT
	}
	if s.port == 0 {
		s.port, _ = s.k.bind(s, nil)
	}
	s.peer = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(port))
	return 0
}

// sendDatagram is send(2) on a connected datagram socket. If nobody listens at the port,
// the answer is an ICMP error, which the next call reports (udp_err). An earlier error
// comes first (sock_alloc_send_pskb).
func (k *Kernel) sendDatagram(d *descriptor, p []byte, flags int) (int, sys.Errno) {
	s := d.file.(*datagrams)
	k.mustNotBlock(Send, d, flags)
	decision := k.decide(Send)
	switch {
	case decision.errno != 0:
		return 0, decision.errno
	case s.err != 0:
		return 0, s.takeError()
	case s.isSpurious(Send):
		return 0, unix.EAGAIN
	}
	d.unserved = 0
	s.transmit(Datagram{To: s.peer, Payload: slices.Clone(p)})
	return len(p), 0
}

func (s *datagrams) transmit(out Datagram) {
	out.From = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), s.port)
	switch r := s.k.remotes[out.To.Port()]; {
	case s.k.receiver(out) != nil:
		s.k.Deliver(out)
	case r != nil && r.Receive != nil:
		for _, d := range out.split() {
			r.Receive(d)
		}
	case r == nil && s.peer.Port() == out.To.Port():
		s.err = unix.ECONNREFUSED
	}
}

func (s *datagrams) takeError() sys.Errno {
	errno := s.err
	s.err = 0
	return errno
}

// Answers returns the datagrams that were sent from port since the last call.
func (k *Kernel) Answers(port uint16) (all []Datagram) {
	for _, message := range k.SentMessages(port) {
		all = append(all, message.split()...)
	}
	return all
}

// SentMessages returns what Answers does, with trains as they were sent.
func (k *Kernel) SentMessages(port uint16) []Datagram {
	s, ok := k.ports[port].(*datagrams)
	if !ok {
		return nil
	}
	out := s.outbox
	s.outbox = nil
	return out
}

func (k *Kernel) Recvmmsg(fd int, msgs []sys.Mmsghdr, flags int) (int, sys.Errno) {
	d, s := find[*datagrams](k, Recvmmsg, fd)
	if d == nil {
		return 0, k.wrongFile(Recvmmsg, fd)
	}
	k.mustNotBlock(Recvmmsg, d, flags)
	decision := k.decide(Recvmmsg)
	if decision.errno != 0 {
		d.allowRetry(decision.errno)
		return 0, decision.errno
	}
	if s.err != 0 {
		return 0, s.takeError()
	}
	if len(s.inbox) == 0 || s.isSpurious(Recvmmsg) {
		return 0, unix.EAGAIN
	}
	d.unserved = 0
	n := decision.limit(min(len(msgs), len(s.inbox)))
	for i := range n {
		msgs[i].Len = s.fill(&msgs[i].Hdr, s.inbox[i])
	}
	s.inbox = s.inbox[n:]
	return n, 0
}

// fill writes a datagram to where the header points, and marks one that did not fit.
func (s *datagrams) fill(h *unix.Msghdr, d Datagram) uint32 {
	if h.Name != nil && h.Namelen > 0 {
		h.Namelen = writeName(unsafe.Pointer(h.Name), s.domain, d.From)
	}
	h.Flags = 0
	n := 0
	for _, part := range parts(h) {
		n += copy(part, d.Payload[n:])
	}
	if n < len(d.Payload) {
		h.Flags |= unix.MSG_TRUNC
	}
	control := unsafe.Slice(h.Control, h.Controllen)
	used := 0
	if s.gro && d.Segment != 0 {
		used = writeSegment(control, d.Segment)
	}
	h.SetControllen(used + writePktInfo(control[used:], s.domain, d.To.Addr()))
	return uint32(n)
}

func (k *Kernel) Sendmmsg(fd int, msgs []sys.Mmsghdr, flags int) (int, sys.Errno) {
	d, s := find[*datagrams](k, Sendmmsg, fd)
	if d == nil {
		return 0, k.wrongFile(Sendmmsg, fd)
	}
	k.mustNotBlock(Sendmmsg, d, flags)
	decision := k.decide(Sendmmsg)
	if decision.errno != 0 {
		return 0, decision.errno
	}
	if s.isSpurious(Sendmmsg) {
		return 0, unix.EAGAIN
	}
	d.unserved = 0
	n := decision.limit(len(msgs))
	for i := range n {
		switch errno := s.takeError(); {
		case errno != 0 && i == 0:
			return 0, errno
		case errno != 0: // and forgotten (__sys_sendmmsg)
			return i, 0
		}
		switch errno := s.send(&msgs[i]); {
		case errno != 0 && i == 0:
			return 0, errno
		case errno != 0: // the next call finds it again
			return i, 0
		}
	}
	return n, 0
}

// send sends one message: a datagram, or a train if it has UDP_SEGMENT (udp_sendmsg,
// udp_send_skb).
func (s *datagrams) send(m *sys.Mmsghdr) sys.Errno {
	h := &m.Hdr
	control := unsafe.Slice(h.Control, h.Controllen)
	out := Datagram{From: netip.AddrPortFrom(readPktInfo(control), s.port), To: s.peer, Payload: []byte{}}
	if h.Name != nil {
		out.To = readName(unsafe.Pointer(h.Name))
	}
	for _, part := range parts(h) {
		out.Payload = append(out.Payload, part...)
	}
	headers := 20 + 8
	if out.To.Addr().Is6() {
		headers = 40 + 8
	}
	if !s.k.NoTrains { // an older kernel ignores the control message
		out.Segment = readSegment(control)
	}
	switch {
	case !out.To.IsValid():
		return unix.EDESTADDRREQ
	case len(out.Payload) > math.MaxUint16-8 || len(out.Payload)+headers > math.MaxUint16 && out.To.Addr().Is4():
		return unix.EMSGSIZE
	case out.Segment == 0:
	case out.Segment+headers > cmp.Or(s.k.MTU, defaultMTU):
		return unix.EMSGSIZE
	case len(out.Payload) > out.Segment*maxSegments:
		return unix.EINVAL
	}
	m.Len = uint32(len(out.Payload))
	if _, here := s.k.ports[out.To.Port()].(*datagrams); here || s.peer.IsValid() {
		s.transmit(out)
	} else {
		s.outbox = append(s.outbox, out)
	}
	return 0
}

// parts returns the buffers of a header's iovec.
func parts(h *unix.Msghdr) [][]byte {
	var all [][]byte
	for _, v := range unsafe.Slice(h.Iov, h.Iovlen) {
		all = append(all, unsafe.Slice(v.Base, v.Len))
	}
	return all
}

func (s *datagrams) ready() int16 {
	events := int16(unix.POLLOUT)
	if len(s.inbox) > 0 {
		events |= unix.POLLIN
	}
	if s.err != 0 {
		events |= unix.POLLERR
	}
	return events
}

func (s *datagrams) close() {
	if s.k.ports[s.port] == file(s) {
		delete(s.k.ports, s.port)
	}
}

// datagramsAt returns the descriptor fd if it is a datagram socket.
func (k *Kernel) datagramsAt(fd int) (*descriptor, bool) {
	if _, ok := k.fileAt(fd).(*datagrams); !ok {
		return nil, false
	}
	return k.files[fd], true
}

// recvDatagram is recv(2) on a datagram socket: what does not fit is dropped.
func (k *Kernel) recvDatagram(d *descriptor, p []byte, flags int) (int, sys.Errno) {
	s := d.file.(*datagrams)
	k.mustNotBlock(Recv, d, flags)
	decision := k.decide(Recv)
	switch {
	case flags&unix.MSG_OOB != 0:
		return 0, unix.EAGAIN
	case decision.errno != 0:
		d.allowRetry(decision.errno)
		return 0, decision.errno
	case s.err != 0:
		return 0, s.takeError()
	case len(s.inbox) == 0 || s.isSpurious(Recv):
		return 0, unix.EAGAIN
	}
	d.unserved = 0
	n := copy(p, s.inbox[0].Payload)
	if flags&unix.MSG_PEEK == 0 {
		s.inbox = s.inbox[1:]
	}
	return n, 0
}
