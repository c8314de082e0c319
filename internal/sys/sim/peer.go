//go:build linux

package sim

import (
	"math"
	"net/netip"

	"golang.org/x/sys/unix"
)

// End is how a connection ended, as its peer sees it.
type End uint8

const (
	// StillOpen: it has not ended.
	StillOpen End = iota
	// Clean: an end of file after the last byte.
	Clean
	// Reset: ECONNRESET, or any other loss of the connection.
	Reset
	// Refused: nobody listened or, on a unix socket, the backlog was full.
	Refused
)

var endNames = [...]string{StillOpen: "still open", Clean: "clean", Reset: "reset", Refused: "refused"}

func (e End) String() string { return endNames[e] }

// Peer is the far end of one connection. Its moves take effect at once, as far
// as buffers allow; bytes that find no room wait at the peer and follow.
type Peer struct {
	k        *Kernel
	end      endpoint
	server   *stream // the server's end; nil while the connection is being made
	addr     netip.AddrPort
	sent     []byte  // S
	waiting  []piece // of it, what its own kernel has not taken
	finished bool    // it will send no more
	finSent  bool    // its kernel knows
	quit     bool    // the end was its own doing
	stalled  bool    // it takes nothing
	allowed  int     // bytes that it takes although stalled
	busy     bool    // it is being told already
	received []byte  // R
	ended    End
}

// piece is one send of a peer.
type piece struct {
	bytes  []byte
	urgent bool // its last byte
}

// Dial connects a new peer to the socket that listens on port: it is queued
// for accept4. Where the accept queue is full, a SYN is dropped and sent again
// (see [Kernel.Advance]), and the peer waits.
func (k *Kernel) Dial(port uint16) *Peer {
	from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(20000+k.dialled))
	return k.DialFrom(from, port)
}

// DialFrom is Dial from an address of the test's choice.
func (k *Kernel) DialFrom(from netip.AddrPort, port uint16) *Peer {
	p := &Peer{k: k, addr: from}
	end := newTCP(p.room, func() int { return math.MaxInt })
	end.inline, end.notify = true, p.wake
	p.end = end
	k.dialled++
	l := k.listenerAt(port)
	if l == nil {
		p.refuse()
		return p
	}
	k.attempt(&attempt{port: port, client: end, addr: from, made: func(s *stream) { p.server = s }, failed: p.refuse})
	return p
}

// DialUnix is Dial to the socket that listens on path. Where its queue is full,
// connect(2) fails with EAGAIN.
func (k *Kernel) DialUnix(path string) *Peer {
	p := &Peer{k: k}
	client, server := newLocalPair()
	client.rcv, client.snd = p.room, func() int { return k.RecvBuffer }
	client.inline, client.notify = true, p.wake
	p.end = client
	k.dialled++
	l := k.paths[path]
	if l == nil || l.admits() != 0 {
		p.refuse()
		return p
	}
	p.server = l.enqueue(server, netip.AddrPort{})
	return p
}

func (p *Peer) refuse() {
	p.ended, p.waiting, p.finished = Refused, nil, true
}

// Send sends b after all that was sent before. It does nothing once the peer
// has finished or the connection has ended.
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

// maySend reports whether the peer's direction is open: it is after a half-close
// by the server.
func (p *Peer) maySend() bool {
	return p.ended == StillOpen || p.ended == Clean && p.server != nil && !p.server.closed
}

// push hands what waits to the peer's kernel, and the FIN after it.
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

// CloseWrite is a half-close: a FIN behind all that was sent.
func (p *Peer) CloseWrite() {
	p.finished = true
	p.push()
}

// Close closes both ways: a FIN, and a reset in answer to whatever the server
// sends from now on. It is a reset at once if there is something that the peer
// has not taken. What a peer on a unix socket could not send is lost.
func (p *Peer) Close() { p.leave(p.blocked()) }

// Reset aborts the connection: SO_LINGER with no time, then close(2). A unix
// socket knows no linger: there it stands for closing with unread input.
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

// blocked reports whether the server's kernel holds bytes for a peer that takes
// none. They would arrive after the close and be answered by a reset.
func (p *Peer) blocked() bool {
	s, ok := p.end.(*tcp)
	return ok && s.far != nil && len(s.far.out) > 0
}

// Stall stops taking bytes, until Resume.
func (p *Peer) Stall() { p.stalled = true }

// Stalled reports whether the peer takes nothing now. It does not see the end of its
// connection then, unless that is a reset.
func (p *Peer) Stalled() bool { return p.stalled }

// Resume takes bytes again, as soon as they come.
func (p *Peer) Resume() {
	p.stalled = false
	p.wake()
}

// Read takes at most n bytes of those that came while the peer was stalled.
func (p *Peer) Read(n int) {
	if p.quit || p.ended == Refused {
		return
	}
	p.allowed = n
	p.end.pull()
	p.take(n)
	p.allowed = 0
}

// room is the size of the peer's receive buffer.
func (p *Peer) room() int {
	if !p.stalled {
		return math.MaxInt
	}
	return p.k.PeerBuffer + p.allowed
}

// wake is called whenever something changed at the peer's end.
func (p *Peer) wake() {
	if p.busy || p.quit {
		return
	}
	p.busy = true
	defer func() { p.busy = false }()
	if !p.stalled {
		p.end.pull()
		p.take(math.MaxInt)
	}
	if p.end.isReset() {
		p.finish(Reset)
	}
	p.push()
}

// take reads at most n bytes, and what stands after them: the end, a reset.
func (p *Peer) take(n int) {
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

// finish notes how the connection ended, the first time.
func (p *Peer) finish(how End) {
	if p.ended == StillOpen {
		p.ended = how
	}
}

// Sent is S, all that the peer has sent; Received is R, all that came back.
func (p *Peer) Sent() []byte     { return p.sent }
func (p *Peer) Received() []byte { return p.received }

// End is how the connection ended, for the peer.
func (p *Peer) End() End { return p.ended }

// EndedItself reports whether the peer itself ended the connection, by Close or Reset.
func (p *Peer) EndedItself() bool { return p.quit }

// Addr is the address that the peer came from.
func (p *Peer) Addr() netip.AddrPort { return p.addr }
