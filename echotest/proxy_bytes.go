package echotest

import (
	"errors"
	"io"
	"time"
)

// StoresUntilEOF forwards what a client sends in one go. From a mebibyte on it
// has no more room, and forwards as it comes.
var StoresUntilEOF = ProxyFault{
	Name:     "stores-until-eof",
	Sentence: "forwards nothing of what the client sends before the client's FIN",
	stream: &streamHooks{carry: func(l *link, f flow) error {
		if f.up {
			stored, err := io.ReadAll(io.LimitReader(f.from, 1<<20))
			if err != nil {
				return err
			}
			if _, err := l.meter(f.to).Write(stored); err != nil {
				return err
			}
		}
		return carry(f.from, l.meter(f.to), unchanged)
	}},
}

// DropsLargePieces is a hole in the path's MTU: what is too large never arrives,
// however often it is sent, and nothing after it either.
var DropsLargePieces = ProxyFault{
	Name:     "drops-large-pieces",
	Sentence: "forwards nothing any more, and tells nobody, once more than 1400 bytes came at a time",
	stream: &streamHooks{carry: func(l *link, f flow) error {
		lost := false
		return carry(f.from, l.meter(f.to), func(piece []byte) []byte {
			if lost = lost || len(piece) > 1400; lost {
				return nil
			}
			return piece
		})
	}},
}

// ChangesByte changes one byte of what the server sends.
var ChangesByte = ProxyFault{
	Name:     "changes-byte",
	Sentence: "changes the byte at offset 5000 of what the server sends",
	stream: &streamHooks{carry: func(l *link, f flow) error {
		passed := 0
		return carry(f.from, l.meter(f.to), func(piece []byte) []byte {
			if at := sound - passed; !f.up && at >= 0 && at < len(piece) {
				piece[at] ^= 0x55
			}
			passed += len(piece)
			return piece
		})
	}},
}

// DropsTail reads ahead of a client that does not read, and has no patience with
// it when the server has finished.
var DropsTail = ProxyFault{
	Name:     "drops-tail",
	Sentence: "forgets what the client has not taken a quarter of a second after the server's FIN",
	stream: &streamHooks{carry: func(l *link, f flow) error {
		if f.up {
			return carry(f.from, l.meter(f.to), unchanged)
		}
		f.to.SetWriteBuffer(16 << 10) // what the kernel holds is not forgotten
		q, written := queueTo(l, f, 1<<20, 0)
		if err := readInto(q, f.from); err != nil {
			return err
		}
		q.close()
		select {
		case err := <-written:
			return err
		case <-time.After(250 * time.Millisecond):
			f.to.SetWriteDeadline(time.Now())
			<-written
			return nil
		}
	}},
}

// Hoards reads whatever the server sends. So that a test does not fall with it,
// it stops at 256 MiB a connection.
var Hoards = ProxyFault{
	Name:     "hoards",
	Sentence: "goes on reading from the server while the client reads nothing",
	stream: &streamHooks{carry: func(l *link, f flow) error {
		if f.up {
			return carry(f.from, l.meter(f.to), unchanged)
		}
		return carryAhead(l, f, 256<<20, 0)
	}},
}

// carryAhead carries a flow, but reads on while limit bytes are not yet written.
// Each batch takes delay to set out.
func carryAhead(l *link, f flow, limit int, delay time.Duration) error {
	q, written := queueTo(l, f, limit, delay)
	err := readInto(q, f.from)
	q.close()
	return errors.Join(err, <-written)
}

// queueTo returns a queue from which a flow is written. What came of that is
// told when the queue is closed and empty, or f.to broken.
func queueTo(l *link, f flow, limit int, delay time.Duration) (*queue, <-chan error) {
	q := newQueue(limit)
	written := make(chan error, 1)
	go func() {
		err := writeFrom(l.ctx, q, l.meter(f.to), delay)
		q.close()
		if err != nil {
			f.from.SetReadDeadline(time.Now()) // nobody is left to read for
		}
		written <- err
	}()
	return q, written
}
