//go:build linux

package sim

import "net/netip"

// End is how a connection ended, as its peer sees it.
type End uint8

const (
	// Going: it has not ended.
	Going End = iota
	// Clean: an end of file after the last byte.
	Clean
	// Reset: ECONNRESET, or any other loss of the connection.
	Reset
	// Refused: nobody listened, or the backlog was full.
	Refused
)

var endNames = [...]string{Going: "going", Clean: "clean", Reset: "reset", Refused: "refused"}

func (e End) String() string { return endNames[e] }

// Peer is the far end of one connection. Its moves take effect at once, as far
// as buffers allow; bytes that find no room wait at the peer and follow.
type Peer struct {
	s        *stream
	addr     netip.AddrPort
	sent     []byte // S
	waiting  []byte // of it, what the server's buffer has no room for
	finished bool   // it will send no more
	gone     bool   // it has closed both ways
	quit     bool   // the end was its own doing
	stalled  bool   // it takes nothing
	received []byte // R
	ended    End
}

// Dial connects a new peer to the socket that listens on port: it is queued
// for accept4.
func (k *Kernel) Dial(port uint16) *Peer {
	from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(20000+k.dialled))
	return k.DialFrom(from, port)
}

// DialFrom is Dial from an address of the test's choice.
func (k *Kernel) DialFrom(from netip.AddrPort, port uint16) *Peer {
	l, _ := k.ports[port].(*socket)
	return k.dial(from, l)
}

// DialUnix is Dial to the socket that listens on path.
func (k *Kernel) DialUnix(path string) *Peer { return k.dial(netip.AddrPort{}, k.paths[path]) }

func (k *Kernel) dial(from netip.AddrPort, l *socket) *Peer {
	p := &Peer{addr: from}
	p.s = &stream{k: k, peer: p}
	if l == nil || !l.listening || len(l.queue) > l.backlog {
		p.s.rst, p.ended = true, Refused
		return p
	}
	p.s.domain, p.s.linger = l.domain, l.linger
	l.queue = append(l.queue, p.s)
	k.dialled++
	return p
}

// Send sends b after all that was sent before. It does nothing once the peer
// has finished or the connection has ended.
func (p *Peer) Send(b []byte) {
	if p.finished || p.ended != Going {
		return
	}
	p.sent = append(p.sent, b...)
	p.waiting = append(p.waiting, b...)
	p.push()
}

// CloseWrite is a half-close: a FIN behind all that was sent.
func (p *Peer) CloseWrite() {
	p.finished = true
	p.push()
}

// Close closes both ways: a FIN, and a reset in answer to whatever the server
// sends from now on. What the peer has not taken is lost.
func (p *Peer) Close() {
	p.CloseWrite()
	p.gone, p.quit = true, true
	if len(p.s.out) > 0 {
		p.s.reset()
	}
	p.end(Reset)
}

// Reset aborts the connection.
func (p *Peer) Reset() {
	p.finished, p.waiting, p.quit = true, nil, true
	if p.ended == Going && !p.s.closed {
		p.s.reset()
	}
	p.end(Reset)
}

// Stall stops taking bytes, until Resume.
func (p *Peer) Stall() { p.stalled = true }

// Resume takes bytes again, as soon as they come.
func (p *Peer) Resume() {
	p.stalled = false
	p.take()
}

// Read takes at most n bytes of those that came while the peer was stalled.
func (p *Peer) Read(n int) {
	if p.ended != Going {
		return
	}
	n = min(n, len(p.s.out))
	p.received = append(p.received, p.s.out[:n]...)
	p.s.out = p.s.out[n:]
	if p.s.closed && len(p.s.out) == 0 {
		p.end(Clean)
	}
}

// Sent is S, all that the peer has sent; Received is R, all that came back.
func (p *Peer) Sent() []byte     { return p.sent }
func (p *Peer) Received() []byte { return p.received }

// End is how the connection ended, for the peer.
func (p *Peer) End() End { return p.ended }

// Quit tells whether the peer itself ended the connection, by Close or Reset.
func (p *Peer) Quit() bool { return p.quit }

// Addr is the address that the peer came from.
func (p *Peer) Addr() netip.AddrPort { return p.addr }

// push moves what waits into the server's buffer, and the FIN after it.
func (p *Peer) push() {
	s := p.s
	if p.ended != Going && !p.gone || s.rst {
		return
	}
	if s.closed {
		if len(p.waiting) > 0 { // data for a closed socket is answered by a reset
			p.end(Reset)
		}
		return
	}
	n := min(len(p.waiting), max(s.k.RecvBuffer-len(s.in), 0))
	s.in = append(s.in, p.waiting[:n]...)
	p.waiting = p.waiting[n:]
	s.fin = p.finished && len(p.waiting) == 0
}

// take takes what came back, unless the peer is stalled.
func (p *Peer) take() {
	switch {
	case p.gone && len(p.s.out) > 0:
		p.s.reset()
	case !p.stalled:
		p.Read(len(p.s.out))
	}
}

func (p *Peer) end(how End) {
	if p.ended == Going {
		p.ended = how
	}
}
