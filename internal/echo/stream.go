// Package echo is the protocol without I/O: what a stream needs next ([Stream]), and
// which datagrams may be answered ([Guard]).
//
// Engines make the system calls, report what happened, and do what this package says
// next. So half-close, backpressure and the honest end are written once, and tested
// without a socket.
//
// The source is RFC 862, "Echo Protocol", which is one page: send back what arrives,
// until the peer has finished.
package echo

// Op is what a stream needs next.
type Op uint8

const (
	// Read: nothing is owed. Receive bytes from the peer.
	Read Op = iota
	// Write: bytes are owed. Send them, and receive nothing until all are sent. The
	// peer's window fills meanwhile, and the peer must wait: this is the backpressure.
	Write
	// Finish: the peer has finished sending and has been sent everything. Close the
	// connection with a FIN.
	Finish
)

var opNames = [...]string{Read: "read", Write: "write", Finish: "finish"}

func (o Op) String() string { return opNames[o] }

// Stream decides what an echoed stream needs next. It counts the bytes that were
// received and sent: those received and not yet sent back are the owed bytes. It does no
// I/O and holds no bytes. The zero Stream is ready to use. A Stream is not safe for
// concurrent use.
//
// An engine does what Next returns, and reports the result with Received, Sent or EOF.
// An engine that ends a stream while Next does not return Finish must reset the
// connection. The reset tells the peer that the owed bytes are lost.
type Stream struct { // 16 bytes: a service has one for each connection
	in, out uint64 // in has the bit finished, too
}

// finished is the bit that says that the peer has finished. No stream has that many bytes.
const finished = 1 << 63

// Next returns what the stream needs next. It changes nothing.
func (s *Stream) Next() Op {
	switch {
	case s.In() != s.out:
		return Write
	case s.in&finished != 0:
		return Finish
	default:
		return Read
	}
}

// Received records that n bytes were received. It panics unless Next returns Read: the
// memory of an engine that reads while bytes are owed would have no bound.
func (s *Stream) Received(n int) {
	if s.Next() != Read {
		panic("echo: received while the stream asked for " + s.Next().String())
	}
	s.in += uint64(n)
}

// Sent records that the kernel took n of the owed bytes. It panics if n is more than
// Owed: those bytes did not come from the peer.
func (s *Stream) Sent(n int) {
	if uint64(n) > s.In()-s.out {
		panic("echo: sent more than was received")
	}
	s.out += uint64(n)
}

// EOF records a half-close: the peer has finished sending. It may still be reading.
func (s *Stream) EOF() { s.in |= finished }

// Owed returns the number of owed bytes: received and not yet sent back.
func (s *Stream) Owed() int { return int(s.In() - s.out) }

// In returns the number of bytes received.
func (s *Stream) In() uint64 { return s.in &^ finished }

// Out returns the number of bytes sent back.
func (s *Stream) Out() uint64 { return s.out }
