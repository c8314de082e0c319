package oplog

import "sync"

// line is one that waits to be written.
type line struct {
	text    []byte // whole, with its newline; nil if there is only a count to report
	dropped uint64 // how many were dropped just before it
}

// queue holds lines until they are written, bounded in lines and in bytes. push
// never waits.
type queue struct {
	maxLines, maxBytes int
	ready              chan struct{} // has a value after something came

	mu      sync.Mutex
	lines   []line
	bytes   int
	dropped uint64 // since the last line that was taken
	full    bool   // from a drop until half of the queue is free
	closed  bool
}

func newQueue(maxLines, maxBytes int) *queue {
	return &queue{maxLines: maxLines, maxBytes: maxBytes, ready: make(chan struct{}, 1)}
}

// push takes text over, or reports that it dropped it. Once full, it takes nothing
// before half of the queue is free: a reader that is slow then loses some long
// runs of lines, each reported once, and not every second line.
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

// pop returns the next line, or what was dropped after the last; false if there is
// neither.
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

// close makes push drop everything from now on.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.wake()
}

func (q *queue) wake() {
	select {
	case q.ready <- struct{}{}:
	default:
	}
}
