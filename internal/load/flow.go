package load

import "fmt"

// flow is one stream of messages with the I/O left out: what is to be sent, what
// has come back, and which messages are under way. Whoever moves the bytes calls
// it; it is for one goroutine at a time.
type flow struct {
	content *content
	verify  bool
	conn    int
	start   uint64 // where its bytes begin in the content

	asked, sent, back int64 // bytes of messages, taken by the socket, come back
	pending           queue // messages that are not back
}

// message is one under way.
type message struct {
	due  int64 // ns: when it left or should have left
	end  int64 // the offset in the stream at which it is whole
	size int
}

// push asks for a message of size bytes to be sent.
func (f *flow) push(due int64, size int) {
	f.asked += int64(size)
	f.pending.push(message{due, f.asked, size})
}

// next is what is to be sent next; nothing if all is sent.
func (f *flow) next() []byte { return f.content.at(f.start+uint64(f.sent), f.asked-f.sent) }

// wrote says that the socket took n bytes of next.
func (f *flow) wrote(n int) { f.sent += int64(n) }

// unsent reports whether there is more to send.
func (f *flow) unsent() bool { return f.sent < f.asked }

// received takes what came back. The result is not nil if it is not what was
// sent.
func (f *flow) received(p []byte) *Wrong {
	if extra := f.back + int64(len(p)) - f.sent; extra > 0 {
		sent := int64(len(p)) - extra
		if i := f.content.differ(f.start+uint64(f.back), p[:sent]); i >= 0 && f.verify {
			return f.wrong(p, i)
		}
		return &Wrong{Conn: f.conn, Offset: f.sent, Got: excerpt(p[sent:]), Want: "nothing: no more had been sent"}
	}
	if f.verify {
		if i := f.content.differ(f.start+uint64(f.back), p); i >= 0 {
			return f.wrong(p, i)
		}
	}
	f.back += int64(len(p))
	return nil
}

func (f *flow) wrong(p []byte, i int) *Wrong {
	offset := f.back + int64(i)
	want := f.content.at(f.start+uint64(offset), f.sent-offset)
	return &Wrong{Conn: f.conn, Offset: offset, Got: excerpt(p[i:]), Want: excerpt(want)}
}

// answered takes the next message that is back whole; false if none is.
func (f *flow) answered() (message, bool) {
	if m, ok := f.pending.front(); !ok || m.end > f.back {
		return message{}, false
	}
	return f.pending.take()
}

// excerpt is the beginning of p, for people.
func excerpt(p []byte) string {
	const most = 16
	if len(p) > most {
		return fmt.Sprintf("%q…", p[:most])
	}
	return fmt.Sprintf("%q", p)
}

// queue holds messages in their order. The zero queue is empty.
type queue struct {
	items []message
	head  int
}

// push puts m at the end. It moves the items to the front when fewer than half of
// them are left, so each is moved once on average.
func (q *queue) push(m message) {
	if q.head > len(q.items)/2 {
		q.items = q.items[:copy(q.items, q.items[q.head:])]
		q.head = 0
	}
	q.items = append(q.items, m)
}

func (q *queue) front() (message, bool) {
	if q.head == len(q.items) {
		return message{}, false
	}
	return q.items[q.head], true
}

// take removes the front; false if there is none.
func (q *queue) take() (message, bool) {
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
