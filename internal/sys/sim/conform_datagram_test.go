//go:build linux

package sim_test

import (
	"encoding/binary"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"echod/internal/sys"
)

// conformDatagrams sends datagrams between bound UDP sockets.
func conformDatagrams(t *rapid.T) {
	p := newPair(t, unix.AF_INET)
	defer p.finish()
	for range 3 {
		s := p.open(unix.SOCK_DGRAM)
		s.kind = connected // compareState may peek at it
		p.bind(s)
	}
	steps := []string{"connect", "send to peer", "send to peer", "send to peer", "send", "send", "send", "receive", "receive", "recv", "select", "epoll", "close", "shutdown", "socket error", "trains", "send a train", "send a train"}
	for range rapid.IntRange(1, 30).Draw(t, "steps") {
		o := op{kind: rapid.SampledFrom(steps).Draw(t, "step"), socket: rapid.IntRange(0, 2).Draw(t, "socket"),
			number: rapid.IntRange(0, 9).Draw(t, "number"), flag: rapid.Bool().Draw(t, "flag")}
		if len(p.sockets) == 0 {
			break
		}
		s := p.sockets[o.socket%len(p.sockets)]
		switch o.kind {
		case "send":
			p.sendDatagrams(s, p.sockets[o.number%len(p.sockets)], o)
		case "trains": // UDP_GRO
			p.both(fmt.Sprintf("receive trains %d: %t", s.id, o.flag), func(w *side, i int) string {
				value := 0
				if o.flag {
					value = 1
				}
				return name(w.k.SetsockoptInt(s.fd[i], unix.IPPROTO_UDP, unix.UDP_GRO, value))
			})
		case "send a train":
			segment := rapid.SampledFrom([]int{0, 1, 2, 3, 10, 20, 63, 70, 40_000}).Draw(t, "segment")
			size := rapid.SampledFrom([]int{0, 1, 2, 3, 10, 25, 60, 390, 65_507}).Draw(t, "size")
			p.sendTrain(s, p.sockets[o.number%len(p.sockets)], size, segment)
		case "connect":
			to := p.sockets[o.number%len(p.sockets)]
			p.both(fmt.Sprintf("connect %d to %d", s.id, to.id), func(w *side, i int) string { return name(w.k.Connect(s.fd[i], to.addr[i])) })
			s.peered = true
		case "send to peer":
			if payload := p.payload(o.number * 7); s.peered {
				p.both(fmt.Sprintf("send %d: %d bytes", s.id, len(payload)), func(w *side, i int) string {
					n, errno := w.k.Send(s.fd[i], payload, unix.MSG_NOSIGNAL)
					return fmt.Sprint(n, " ", name(errno))
				})
			}
		case "socket error":
			p.socketError(s, o)
		case "receive":
			p.receiveDatagrams(s, o)
		case "recv":
			p.move(s, o)
		case "close":
			if o.number == 0 {
				p.close(s, op{})
			}
		case "select":
			p.selects(s, o)
		case "epoll":
			p.epoll(s, o)
		case "shutdown":
			p.both("accept", func(w *side, i int) string {
				_, errno := w.k.Accept4(s.fd[i], nil, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
				return name(errno)
			})
		}
		p.compareState()
	}
}

// batch is headers and buffers for datagrams of at most size bytes.
type batch struct {
	msgs    []sys.Mmsghdr
	iovs    []unix.Iovec
	names   []unix.RawSockaddrInet4
	control [][]byte
	buffers [][]byte
}

const controlSize = 64

func newBatch(n, size int) *batch {
	b := &batch{msgs: make([]sys.Mmsghdr, n), iovs: make([]unix.Iovec, n),
		names: make([]unix.RawSockaddrInet4, n), control: make([][]byte, n), buffers: make([][]byte, n)}
	for j := range n {
		b.control[j] = make([]byte, controlSize)
		b.buffers[j] = make([]byte, size+1)
		b.iovs[j].Base = &b.buffers[j][0]
		b.iovs[j].SetLen(size)
		h := &b.msgs[j].Hdr
		h.Name, h.Namelen = (*byte)(unsafe.Pointer(&b.names[j])), unix.SizeofSockaddrInet4
		h.Iov, h.Iovlen = &b.iovs[j], 1
	}
	return b
}

func (p *pair) sendDatagrams(from, to *socket, o op) {
	payload := p.payload(o.number * 7)
	p.both(fmt.Sprintf("sendmmsg %d to %d: %d of %d bytes", from.id, to.id, 1+o.number%3, len(payload)), func(w *side, i int) string {
		b := newBatch(1+o.number%3, len(payload))
		for j := range b.msgs {
			copy(b.buffers[j], payload)
			b.address(j, to.addr[i])
		}
		n, errno := w.k.Sendmmsg(from.fd[i], b.msgs, unix.MSG_DONTWAIT)
		return fmt.Sprint(n, name(errno), b.msgs[0].Len)
	})
}

// address sets the destination of message j.
func (b *batch) address(j int, to unix.Sockaddr) {
	inet := to.(*unix.SockaddrInet4)
	b.names[j] = unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: inet.Addr}
	port := (*[2]byte)(unsafe.Pointer(&b.names[j].Port))
	port[0], port[1] = byte(inet.Port>>8), byte(inet.Port)
}

// sendTrain sends one message with UDP_SEGMENT, also one with an invalid number of datagrams.
func (p *pair) sendTrain(from, to *socket, size, segment int) {
	payload := p.payload(size)
	p.both(fmt.Sprintf("send a train %d to %d: %d bytes of %d", from.id, to.id, size, segment), func(w *side, i int) string {
		b := newBatch(1, size)
		copy(b.buffers[0], payload)
		b.address(0, to.addr[i])
		h := unix.Cmsghdr{Level: unix.IPPROTO_UDP, Type: unix.UDP_SEGMENT}
		h.SetLen(unix.CmsgLen(2))
		copy(b.control[0], unsafe.Slice((*byte)(unsafe.Pointer(&h)), unix.SizeofCmsghdr))
		binary.NativeEndian.PutUint16(b.control[0][unix.CmsgLen(0):], uint16(segment))
		b.msgs[0].Hdr.Control = &b.control[0][0]
		b.msgs[0].Hdr.SetControllen(unix.CmsgSpace(2))
		n, errno := w.k.Sendmmsg(from.fd[i], b.msgs, unix.MSG_DONTWAIT)
		return fmt.Sprint(n, name(errno), b.msgs[0].Len)
	})
}

// segment returns the size of the datagrams of a received train, 0 for one datagram.
func (b *batch) segment(j int) int {
	messages, _ := unix.ParseSocketControlMessage(b.control[j][:b.msgs[j].Hdr.Controllen])
	for _, m := range messages {
		if m.Header.Level == unix.IPPROTO_UDP && m.Header.Type == unix.UDP_GRO {
			return int(binary.NativeEndian.Uint32(m.Data))
		}
	}
	return 0
}

func (p *pair) receiveDatagrams(s *socket, o op) {
	p.eventually("all there", func(w *side, i int) string { return fmt.Sprint(p.poll(i, s) & unix.POLLIN) })
	p.both(fmt.Sprintf("recvmmsg %d", s.id), func(w *side, i int) string {
		b := newBatch(1+o.number, 30)
		for j := range b.msgs {
			b.msgs[j].Hdr.Control = &b.control[j][0]
			b.msgs[j].Hdr.SetControllen(controlSize)
		}
		n, errno := w.k.Recvmmsg(s.fd[i], b.msgs, unix.MSG_DONTWAIT)
		text := fmt.Sprint(n, name(errno))
		for j := range n {
			h := &b.msgs[j]
			text += fmt.Sprintf(" %x from %d trunc %v segment %d", b.buffers[j][:h.Len], p.sender(i, &b.names[j]), h.Hdr.Flags&unix.MSG_TRUNC != 0, b.segment(j))
		}
		return text
	})
}

// sender returns the id of the socket that is bound to an address, -1 if none is.
func (p *pair) sender(i int, from *unix.RawSockaddrInet4) int {
	port := (*[2]byte)(unsafe.Pointer(&from.Port))
	for _, s := range p.sockets {
		if s.addr[i].(*unix.SockaddrInet4).Port == int(port[0])<<8|int(port[1]) {
			return s.id
		}
	}
	return -1
}
