package echotest

import (
	"errors"
	"io"
	"sync"
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
		return carry(f.from, l.meter(f.to), func(piece []byte) []byte {
			if len(piece) <= 1400 {
				return piece
			}
			<-l.ctx.Done()
			return nil
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

// DropsTail reads ahead, on a path that takes a while, and loses its patience
// with a client that does not read.
var DropsTail = ProxyFault{
	Name:     "drops-tail",
	Sentence: "forgets at the server's FIN what is not yet forwarded, if the client once read nothing for a quarter of a second",
	stream:   &streamHooks{carry: dropTail},
}

func dropTail(l *link, f flow) error {
	if f.up {
		return carry(f.from, l.meter(f.to), unchanged)
	}
	f.to.SetWriteBuffer(16 << 10) // what the kernel holds is not forgotten
	w := impatient{l.meter(f.to), make(chan struct{}), new(sync.Once)}
	q, written := queueTo(l, f, w, 1<<20, 100*time.Millisecond)
	if err := readInto(q, f.from); err != nil {
		return err
	}
	q.close()
	select {
	case err := <-written:
		return err
	case <-w.stood:
		f.to.SetWriteDeadline(time.Now())
		<-written
		return nil
	}
}

// impatient tells by closing stood that a write once took too long.
type impatient struct {
	metered
	stood chan struct{}
	once  *sync.Once
}

func (w impatient) Write(piece []byte) (int, error) {
	timer := time.AfterFunc(250*time.Millisecond, func() {
		w.once.Do(func() { close(w.stood) })
	})
	defer timer.Stop()
	return w.metered.Write(piece)
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
	q, written := queueTo(l, f, l.meter(f.to), limit, delay)
	err := readInto(q, f.from)
	q.close()
	return errors.Join(err, <-written)
}

// queueTo returns a queue from which a flow is written to w. What came of that
// is told when the queue is closed and empty, or w broken.
func queueTo(l *link, f flow, w io.Writer, limit int, delay time.Duration) (*queue, <-chan error) {
	q := newQueue(limit)
	written := make(chan error, 1)
	go func() {
		err := writeFrom(l.ctx, q, w, delay)
		q.close()
		if err != nil {
			f.from.SetReadDeadline(time.Now()) // nobody is left to read for
		}
		written <- err
	}()
	return q, written
}
