package oplog

import "sync"

// line is an element of the queue.
type line struct {
	text    []byte // with its newline; nil if only lines were dropped
	dropped uint64 // lines dropped directly before it
}

// queue holds lines until they are written. It is bounded in lines and in bytes. push
// never blocks.
type queue struct {
	maxLines, maxBytes int
	changed            chan struct{} // has a value after each change

	mu      sync.Mutex
	lines   []line
	bytes   int
	dropped uint64 // since the last line in the queue
	full    bool   // from a drop until half of the queue is free
	closed  bool
}

func newQueue(maxLines, maxBytes int) *queue {
	return &queue{maxLines: maxLines, maxBytes: maxBytes, changed: make(chan struct{}, 1)}
}

// push adds a line, or drops it and returns false. After a drop it adds nothing until
// half of the queue is free: then a slow reader misses a few long runs of lines, each
// reported once, and not every second line.
func (q *queue) push(text []byte) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	defer q.wake()
	if q.full && len(q.lines) <= q.maxLines/2 && q.bytes <= q.maxBytes/2 {
		q.full = false
	}
	if q.closed || q.full || len(q.lines) >= q.maxLines || q.bytes+len(text) > q.maxBytes {
		q.full = true
		q.dropped++
		return false
	}
	q.lines = append(q.lines, line{text, q.dropped})
	q.bytes += len(text)
	q.dropped = 0
	return true
}

// pop returns the next line. If the queue is empty, it returns the number of lines
// dropped after the last one, or false if none was dropped.
func (q *queue) pop() (line, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.lines) == 0 {
		l := line{dropped: q.dropped}
		q.dropped = 0
		return l, l.dropped > 0
	}
	l := q.lines[0]
	q.lines[0] = line{}
	q.lines = q.lines[1:]
	q.bytes -= len(l.text)
	return l, true
}

// close makes push drop every line.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.wake()
}

func (q *queue) wake() {
	select {
	case q.changed <- struct{}{}:
	default:
	}
}
