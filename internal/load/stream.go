package load

import (
	"fmt"
	"slices"
)

// stream is the messages on one connection, without the I/O: which bytes are to be
// sent, which have come back, and which messages are pending. It is for one
// goroutine at a time.
type stream struct {
	content *content
	verify  bool
	conn    int
	start   uint64 // the position in the content of its first byte

	asked, written, echoed int64 // bytes: of all messages, of those taken by the socket, of those that came back
	pending                queue // messages whose answer is not complete
}

// message is one that waits for its answer, or for a connection.
type message struct {
	due  int64 // ns: when it was sent, or should have been sent
	from int64 // ns: its timeout begins
	end  int64 // the offset in the stream of the byte after its last one
	size int
}

// add appends a message of size bytes to what is to be sent. Its timeout begins at from.
func (s *stream) add(due, from int64, size int) {
	s.asked += int64(size)
	s.pending.push(message{due, from, s.asked, size})
}

// next returns the bytes to send next; none if all are sent.
func (s *stream) next() []byte { return s.content.at(s.start+uint64(s.written), s.asked-s.written) }

// wrote notes that the socket took n bytes of next.
func (s *stream) wrote(n int) { s.written += int64(n) }

// unsent reports whether there is more to send.
func (s *stream) unsent() bool { return s.written < s.asked }

// receive compares what came back. It returns nil if it is what was sent.
func (s *stream) receive(p []byte) *Wrong {
	if extra := s.echoed + int64(len(p)) - s.written; extra > 0 {
		expected := int64(len(p)) - extra
		if i := s.content.differ(s.start+uint64(s.echoed), p[:expected]); i >= 0 && s.verify {
			return s.wrong(p, i)
		}
		return &Wrong{Conn: s.conn, Offset: s.written, Got: excerpt(p[expected:]), Want: "nothing: no more had been sent"}
	}
	if s.verify {
		if i := s.content.differ(s.start+uint64(s.echoed), p); i >= 0 {
			return s.wrong(p, i)
		}
	}
	s.echoed += int64(len(p))
	return nil
}

func (s *stream) wrong(p []byte, i int) *Wrong {
	offset := s.echoed + int64(i)
	want := s.content.at(s.start+uint64(offset), s.written-offset)
	return &Wrong{Conn: s.conn, Offset: offset, Got: excerpt(p[i:]), Want: excerpt(want)}
}

// answered removes the next message whose answer is complete; false if there is
// none.
func (s *stream) answered() (message, bool) {
	if m, ok := s.pending.front(); !ok || m.end > s.echoed {
		return message{}, false
	}
	return s.pending.pop()
}

// excerpt returns the first bytes of p, quoted.
func excerpt(p []byte) string {
	const most = 16
	if len(p) > most {
		return fmt.Sprintf("%q…", p[:most])
	}
	return fmt.Sprintf("%q", p)
}

// queue is a first-in-first-out queue of messages. The zero queue is empty.
type queue struct {
	items []message
	head  int
}

// push appends m. When fewer than half of the items are left, it first moves them to
// the front: so each item is moved once on average.
func (q *queue) push(m message) {
	if q.head > len(q.items)/2 {
		q.items = q.items[:copy(q.items, q.items[q.head:])]
		q.head = 0
	}
	q.items = append(q.items, m)
}

// pushFront puts m before the others.
func (q *queue) pushFront(m message) {
	if q.head == 0 {
		q.items = slices.Insert(q.items, 0, m)
		return
	}
	q.head--
	q.items[q.head] = m
}

func (q *queue) front() (message, bool) {
	if q.head == len(q.items) {
		return message{}, false
	}
	return q.items[q.head], true
}

// pop removes the front; false if there is none.
func (q *queue) pop() (message, bool) {
	m, ok := q.front()
	if !ok {
		return message{}, false
	}
	if q.head++; q.head == len(q.items) {
		q.items, q.head = q.items[:0], 0
	}
	return m, true
}

func (q *queue) len() int { return len(q.items) - q.head }
