package agent

import (
	"container/list"
	"net"
	"sync"
)

// maxNewcomers is how many connections there may be that neither act a scenario
// out nor wait for a report. With the default limits the agent's descriptors
// stay below 1300.
const maxNewcomers = 1024

// newcomers are the connections that may be closed in favour of a new one: those
// that have not yet made a valid request, and those that have their answer and
// have not been closed yet. When all places are taken, a new connection takes
// the place of the oldest, so that silent connections never keep others out.
type newcomers struct {
	max int

	mu        sync.Mutex
	conns     list.List // of *newcomer, the oldest first
	displaced uint64    // connections that were closed in favour of another
}

// newcomer is one of them.
type newcomer struct {
	conn     net.Conn
	answered bool
}

// place is a connection's place among the newcomers.
type place = *list.Element

// add gives conn a place, that of the oldest if there is no other.
func (n *newcomers) add(conn net.Conn, answered bool) place {
	n.mu.Lock()
	var oldest *newcomer
	if n.conns.Len() >= n.max {
		oldest = n.conns.Remove(n.conns.Front()).(*newcomer)
		n.displaced++
	}
	p := n.conns.PushBack(&newcomer{conn, answered})
	n.mu.Unlock()
	switch {
	case oldest == nil:
	case oldest.answered:
		closeInOrder(oldest.conn) // a reset could overtake the answer
	default:
		abort(oldest.conn)
	}
	return p
}

// remove gives the place up. It reports whether the connection still had it: if
// not, it has been closed.
func (n *newcomers) remove(p place) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	before := n.conns.Len()
	n.conns.Remove(p)
	return n.conns.Len() < before
}

// setAnswered notes that the connection at p is being sent its answer.
func (n *newcomers) setAnswered(p place) {
	n.mu.Lock()
	defer n.mu.Unlock()
	p.Value.(*newcomer).answered = true
}

// displacedCount returns how many connections had to give way to others.
func (n *newcomers) displacedCount() uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.displaced
}
