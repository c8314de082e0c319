//go:build linux

package sim

import (
	"math"
	"net/netip"

	"golang.org/x/sys/unix"
)

// End says how a connection ended, as its peer sees it.
type End uint8

const (
	// StillOpen: it has not ended.
	StillOpen End = iota
	// Clean: an end of file after the last byte.
	Clean
	// Reset: ECONNRESET, or another error that ends the connection.
	Reset
	// Refused: there was no listener or, on a unix socket, its backlog was full.
	Refused
)

var endNames = [...]string{StillOpen: "still open", Clean: "clean", Reset: "reset", Refused: "refused"}

func (e End) String() string { return endNames[e] }

// Peer is the other end of one connection. What it does takes effect at once, as far as the
// buffers have space; bytes for which there is no space wait at the peer, and are sent when
// there is.
type Peer struct {
	k        *Kernel
	end      endpoint
	server   *stream // the other end; nil while the connection is being made
	addr     netip.AddrPort
	sent     []byte  // S of docs/promises.md
	waiting  []piece // of it, what does not fit in the buffers yet
	finished bool    // it will send no more
	finSent  bool    // the FIN has been sent
	quit     bool    // it ended the connection itself
	stalled  bool    // it reads nothing
	allowed  int     // bytes that it reads although stalled
	busy     bool    // wake is running
	received []byte  // R of docs/promises.md
	ended    End
}

// piece is one send of a peer.
type piece struct {
	bytes  []byte
	urgent bool // its last byte
}

// Dial connects a new peer to the listener on port: it waits for accept4 in the queue. If the
// queue is full, the SYN is dropped and sent again later (see [Kernel.Advance]).
func (k *Kernel) Dial(port uint16) *Peer {
	from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(20000+k.dialled))
	return k.DialFrom(from, port)
}

// DialFrom is Dial from the given address.
func (k *Kernel) DialFrom(from netip.AddrPort, port uint16) *Peer {
	p := &Peer{k: k, addr: from}
	end := newTCP(p.bufferSize, func() int { return math.MaxInt })
	end.inline, end.notify = true, p.wake
	p.end = end
	k.dialled++
	l := k.listenerAt(port)
	if l == nil {
		p.refuse()
		return p
	}
	k.startAttempt(&attempt{port: port, client: end, addr: from, made: func(s *stream) { p.server = s }, failed: p.refuse})
	return p
}

// DialUnix is Dial to the listener on path. If its queue is full, connect(2) fails with
// EAGAIN.
func (k *Kernel) DialUnix(path string) *Peer {
	p := &Peer{k: k}
	client, server := newLocalPair()
	client.rcv, client.snd = p.bufferSize, func() int { return k.RecvBuffer }
	client.inline, client.notify = true, p.wake
	p.end = client
	k.dialled++
	l := k.paths[path]
	if l == nil || l.checkQueue() != 0 {
		p.refuse()
		return p
	}
	p.server = l.enqueue(server, netip.AddrPort{})
	return p
}

func (p *Peer) refuse() {
	p.ended, p.waiting, p.finished = Refused, nil, true
}

// Send sends b after what was sent before. It does nothing after a half-close by the peer, or
// when the connection has ended.
func (p *Peer) Send(b []byte) { p.send(b, false) }

// SendUrgent is Send with MSG_OOB: the last byte of b is urgent (tcp(7),
// unix(7)).
func (p *Peer) SendUrgent(b []byte) { p.send(b, true) }

func (p *Peer) send(b []byte, urgent bool) {
	if p.finished || !p.maySend() || len(b) == 0 {
		return
	}
	p.sent = append(p.sent, b...)
	p.waiting = append(p.waiting, piece{b, urgent})
	p.push()
}

// maySend reports whether the peer can send. After a half-close by the other end it can.
func (p *Peer) maySend() bool {
	return p.ended == StillOpen || p.ended == Clean && p.server != nil && !p.server.closed
}

// push sends what waits, as far as the buffers have space, and the FIN after it.
func (p *Peer) push() {
	for len(p.waiting) > 0 && p.maySend() {
		first := &p.waiting[0]
		var flags int
		if first.urgent {
			flags = unix.MSG_OOB
		}
		n, errno := p.end.write(first.bytes, flags)
		if errno == unix.EAGAIN {
			return
		}
		if errno != 0 {
			p.waiting = nil
			p.finish(Reset)
			return
		}
		if n == len(first.bytes) {
			p.waiting = p.waiting[1:]
		} else {
			first.bytes = first.bytes[n:]
		}
	}
	if p.finished && !p.finSent && len(p.waiting) == 0 && p.maySend() {
		p.finSent = true
		p.end.shutdown(unix.SHUT_WR)
	}
}

// CloseWrite is a half-close: a FIN after what was sent.
func (p *Peer) CloseWrite() {
	p.finished = true
	p.push()
}

// Close closes both directions: it sends a FIN, and a reset in answer to what arrives later.
// If there is something that the peer has not read, it is a reset at once. What a peer on a
// unix socket could not send is lost.
func (p *Peer) Close() { p.leave(p.blocked()) }

// Reset aborts the connection: SO_LINGER with a time of 0, then close(2). Unix sockets have no
// linger: there it stands for a close with unread input.
func (p *Peer) Reset() { p.leave(true) }

func (p *Peer) leave(reset bool) {
	if p.ended == Refused {
		return
	}
	p.finished, p.waiting = true, nil
	if !p.quit {
		p.quit = true
		p.end.close(reset)
	}
	p.finish(Reset)
}

// blocked reports whether there are bytes on the way for which the peer has no space. They
// would arrive after the close and be answered by a reset.
func (p *Peer) blocked() bool {
	s, ok := p.end.(*tcp)
	return ok && s.peer != nil && len(s.peer.out) > 0
}

// Stall stops reading, until Resume.
func (p *Peer) Stall() { p.stalled = true }

// Stalled reports whether the peer reads nothing now. It does not notice the end of its
// connection then, except a reset.
func (p *Peer) Stalled() bool { return p.stalled }

// Resume reads again.
func (p *Peer) Resume() {
	p.stalled = false
	p.wake()
}

// Read reads at most n bytes, of a peer that is stalled.
func (p *Peer) Read(n int) {
	if p.quit || p.ended == Refused {
		return
	}
	p.allowed = n
	p.end.pull()
	p.read(n)
	p.allowed = 0
}

// bufferSize returns the size of the peer's receive buffer.
func (p *Peer) bufferSize() int {
	if !p.stalled {
		return math.MaxInt
	}
	return p.k.PeerBuffer + p.allowed
}

// wake is called when something has changed at the peer's end.
func (p *Peer) wake() {
	if p.busy || p.quit {
		return
	}
	p.busy = true
	defer func() { p.busy = false }()
	if !p.stalled {
		p.end.pull()
		p.read(math.MaxInt)
	}
	if p.end.isReset() {
		p.finish(Reset)
	}
	p.push()
}

// read reads at most n bytes, and what follows them: the end of file, a reset.
func (p *Peer) read(n int) {
	b := make([]byte, 4096)
	for {
		got, errno := p.end.read(b[:min(n, len(b))], 0)
		p.received = append(p.received, b[:got]...)
		n -= got
		switch {
		case errno == unix.EAGAIN:
			return
		case errno != 0:
			p.finish(Reset)
			return
		case got == 0 && n > 0:
			p.finish(Clean)
			return
		case got == 0:
			return
		}
	}
}

// finish records how the connection ended, the first time.
func (p *Peer) finish(how End) {
	if p.ended == StillOpen {
		p.ended = how
	}
}

// Sent returns all that the peer has sent; Received returns all that it has received.
func (p *Peer) Sent() []byte     { return p.sent }
func (p *Peer) Received() []byte { return p.received }

// End returns how the connection ended, as the peer sees it.
func (p *Peer) End() End { return p.ended }

// EndedItself reports whether the peer ended the connection, by Close or Reset.
func (p *Peer) EndedItself() bool { return p.quit }

// Addr returns the address of the peer.
func (p *Peer) Addr() netip.AddrPort { return p.addr }
