package echo

// Op is the one thing that a stream needs next.
type Op uint8

const (
	// Read: nothing is owed; take bytes from the peer.
	Read Op = iota
	// Write: bytes are owed; send them and read nothing until they are gone.
	// The peer's own flow control is the backpressure.
	Write
	// Finish: the peer has finished and has all of it back. The end is earned:
	// close in order.
	Finish
)

var opNames = [...]string{Read: "read", Write: "write", Finish: "finish"}

func (o Op) String() string { return opNames[o] }

// Stream keeps the books of one echoed stream: what came in, what went out, and
// so what is owed. The zero Stream is fresh. It does no I/O, holds no bytes and
// is not safe for concurrent use.
//
// The engine reports what happened (Received, Sent, EOF) and does what Next
// says. An engine that wants to end a stream for which Next does not say Finish
// must end it by a reset: the peer is then told that Owed bytes are lost.
type Stream struct {
	in, out uint64
	eof     bool
}

// Next says what the stream needs now. It changes nothing.
func (s *Stream) Next() Op {
	switch {
	case s.in != s.out:
		return Write
	case s.eof:
		return Finish
	default:
		return Read
	}
}

// Received says that the engine took n bytes from the peer. It panics unless
// Next says Read: an engine that reads while it owes has no bound on its memory.
func (s *Stream) Received(n int) {
	if s.Next() != Read {
		panic("echo: received while the stream asked for " + s.Next().String())
	}
	s.in += uint64(n)
}

// Sent says that the kernel took n of the bytes owed. It panics if that is more
// than Owed: those bytes never came from the peer.
func (s *Stream) Sent(n int) {
	if uint64(n) > s.in-s.out {
		panic("echo: sent more than was received")
	}
	s.out += uint64(n)
}

// EOF says that the peer has finished sending. It may still be reading.
func (s *Stream) EOF() { s.eof = true }

// Owed is how many bytes were received and not yet sent back.
func (s *Stream) Owed() int { return int(s.in - s.out) }

// In is how many bytes came from the peer.
func (s *Stream) In() uint64 { return s.in }

// Out is how many bytes went back to it.
func (s *Stream) Out() uint64 { return s.out }
