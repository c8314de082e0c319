package agent

import (
	"container/list"
	"net"
	"sync"
)

// maxIdleConns is how many connections may be idle. With the default limits the agent
// uses less than 1300 descriptors.
const maxIdleConns = 1024

// idleConns holds the connections that run no scenario and wait for no report: those
// that have not made a valid request yet, and those that have their answer and are not
// closed yet. When there are too many, the agent closes the oldest one, so that silent
// connections cannot block other clients.
type idleConns struct {
	max int

	mu        sync.Mutex
	conns     list.List // of *idleConn, the oldest first
	displaced uint64    // connections that were closed for a newer one
}

type idleConn struct {
	conn     net.Conn // below TLS, because a close_notify could block the caller of add
	answered bool
}

// idleRef refers to a connection in idleConns.
type idleRef = *list.Element

// add adds conn. If there are too many connections, it closes the oldest one.
func (l *idleConns) add(conn net.Conn, answered bool) idleRef {
	l.mu.Lock()
	var oldest *idleConn
	if l.conns.Len() >= l.max {
		oldest = l.conns.Remove(l.conns.Front()).(*idleConn)
		l.displaced++
	}
	ref := l.conns.PushBack(&idleConn{conn, answered})
	l.mu.Unlock()
	switch {
	case oldest == nil:
	case oldest.answered:
		closeWithFIN(oldest.conn) // the client might see a reset before the answer
	default:
		reset(oldest.conn)
	}
	return ref
}

// remove removes a connection. It returns false if the connection is not in the list:
// then it was removed before, or it was displaced and is closed.
func (l *idleConns) remove(ref idleRef) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := l.conns.Len()
	l.conns.Remove(ref)
	return l.conns.Len() < before
}

// setAnswered records that the agent sends an answer on the connection.
func (l *idleConns) setAnswered(ref idleRef) {
	l.mu.Lock()
	defer l.mu.Unlock()
	ref.Value.(*idleConn).answered = true
}

func (l *idleConns) displacedCount() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.displaced
}
