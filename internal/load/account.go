package load

import (
	"time"

	"echod/internal/dial"
)

// account is the tally for one address.
type account struct {
	*tally
	address *Address // nil: addresses are not told apart
}

// answered counts a message whose answer came back complete.
func (t account) answered(due, now int64, size int) {
	t.lock()
	defer t.unlock()
	t.answer(due, now, 1, size)
}

// answeredAll counts all messages of a stream whose answers are complete. In a closed loop, those that
// came back together were often sent together.
func (t account) answeredAll(now int64, s *stream) {
	t.lock()
	defer t.unlock()
	for m, ok := s.answered(); ok; {
		due, n, bytes := m.due, int64(0), 0
		for ; ok && m.due == due; m, ok = s.answered() {
			n, bytes = n+1, bytes+m.size
		}
		t.answer(due, now, n, bytes)
	}
}

// answer counts n messages that were due at one time, and have that many bytes together.
func (t account) answer(due, now, n int64, bytes int) {
	if !t.measured(due) {
		return
	}
	t.outcomes.answered += n
	t.result.BytesIn += int64(bytes)
	if now < t.to && !t.stopped {
		t.result.AnsweredInTime += n
		t.result.BytesInTime += int64(bytes)
	}
	t.second.Answered += n
	t.second.BytesIn += int64(bytes)
	if t.address != nil {
		t.address.Answered += n
	}
	t.record(now-due, n)
	t.settle(n)
}

// failed counts a message whose connection failed, or that had none.
func (t account) failed(due, now int64, class dial.Class) {
	t.lock()
	defer t.unlock()
	t.fail(due, now, class)
}

// failedAll counts all messages of a queue as failed, and empties it.
func (t account) failedAll(now int64, class dial.Class, pending *queue) {
	t.lock()
	defer t.unlock()
	for m, ok := pending.pop(); ok; m, ok = pending.pop() {
		t.fail(m.due, now, class)
	}
}

func (t account) fail(due, now int64, class dial.Class) {
	if !t.measured(due) {
		return
	}
	t.outcomes.failed++
	t.result.Failed.add(class)
	t.second.Failed++
	if t.address != nil {
		t.address.Failed.add(class)
	}
	if class == dial.Timeout {
		t.record(now-due, 1)
	}
	t.settle(1)
}

// lost counts a datagram without an answer within the timeout.
func (t account) lost(due, now int64) {
	t.lock()
	defer t.unlock()
	if !t.measured(due) {
		return
	}
	t.outcomes.lost++
	t.second.Lost++
	if t.address != nil {
		t.address.Lost++
	}
	t.record(now-due, 1)
	t.settle(1)
}

// record records a latency n times.
func (t account) record(ns, n int64) {
	t.second.Latency.RecordTimes(time.Duration(ns), n)
	if t.address != nil {
		t.address.Latency.RecordTimes(time.Duration(ns), n)
	}
}

// received counts a datagram that arrived.
func (t account) received(now int64, a arrival) {
	t.lock()
	defer t.unlock()
	switch a.kind {
	case arrivalAnswer:
		t.answer(a.due, now, 1, a.size)
	case arrivalCorrupt:
		t.fail(a.due, now, dial.Corrupt)
	}
	if a.wrong != nil {
		t.noteWrong(a.wrong)
	}
	if now < t.from {
		return
	}
	switch a.kind {
	case arrivalDuplicate:
		t.result.Duplicated++
	case arrivalLate:
		t.result.Late++
	case arrivalForeign:
		t.result.Foreign++
	}
	if a.reordered {
		t.result.Reordered++
	}
}

// connected counts a connection, or a datagram socket, and how long it took to make.
func (t account) connected(took time.Duration) {
	t.lock()
	defer t.unlock()
	t.conns++
	t.result.Connects++
	if t.address != nil {
		t.address.Connects++
	}
	if t.result.Connect != nil {
		t.result.Connect.Record(took)
	}
}

// connectFailed counts a connection, or a datagram socket, that could not be made.
func (t account) connectFailed(class dial.Class) {
	t.lock()
	defer t.unlock()
	t.result.ConnectsFailed.add(class)
	if t.address != nil {
		t.address.ConnectsFailed.add(class)
	}
}

// disconnected counts the end of what connected counted. The class is why it failed; ""
// if the load ended it.
func (t account) disconnected(class dial.Class) {
	t.lock()
	defer t.unlock()
	t.conns--
	if class != "" {
		t.result.Disconnects.add(class)
	}
}
